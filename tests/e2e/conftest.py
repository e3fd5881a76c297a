"""Shared ground of the browser tests: media files once, a Playwright, the screenshot folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Playwright, async_playwright

from tests.e2e.media_files import MediaFiles, make_files

OUTPUT = Path(__file__).resolve().parents[1] / ".output"
# Far from each other, from their harmonics and from the beep; FLOOR_HZ is nobody's.
TONES_HZ = {"host": 330.0, "member": 470.0, "secretary": 610.0}
FLOOR_HZ = 4300.0


@pytest.fixture(scope="session")
def media_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MediaFiles]:
    """Camera and microphone of each publishing person."""
    folder = tmp_path_factory.mktemp("media")
    return {name: make_files(folder, name, tone) for name, tone in TONES_HZ.items()}


@pytest.fixture
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """A folder that git ignores; look at it after a change to a page."""
    folder = OUTPUT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
