"""A member behind each weak network of the promises, in one lesson, in short: what he gets, and what others get of him.

The full form is `make soak`. Figures are those of getStats in both pages.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.e2e import weak_runs
from tests.e2e.actors import launch
from tests.e2e.conftest import TONES_HZ
from tests.e2e.lesson import end_lesson
from tests.e2e.weak_media import make_cameras
from tests.e2e.weak_stage import WeakStage, weak_stage
from tests.e2e.weak_targets import SHORT, misses, on_busy_machine
from tests.machine_load import programs_per_core

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

SECONDS = 14.0
SETTLE_S = 5.0  # the promise for stepping down


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeakStage]:
    folder = tmp_path_factory.mktemp("weak")
    cameras = make_cameras(folder / "media", TONES_HZ)
    async with async_playwright() as playwright, weak_stage(playwright, folder / "data", cameras) as running:
        yield running


def judge(name: str, figures: dict[str, Any]) -> None:
    """Prints the figures and holds them against the short form's targets."""
    print(f"{name}: {json.dumps(figures)}")
    load = programs_per_core()
    missed = misses(on_busy_machine(SHORT[name], load), figures | figures.get("settled", {}))
    assert not missed, f"{name} at load {load:.1f}: {'; '.join(missed)}; {figures}"


async def test_good_shows_the_top_layer_soon_and_nothing_freezes(stage: WeakStage) -> None:
    began = await weak_runs.joining(stage)
    judge("good", began | await weak_runs.steady(stage, "good", SECONDS))


@pytest.mark.parametrize("name", ["4g", "busy-wifi", "bad"])
async def test_a_lossy_network_leaves_sound_and_picture(stage: WeakStage, name: str) -> None:
    judge(name, await weak_runs.steady(stage, name, SECONDS, SETTLE_S))


async def test_a_narrow_network_steps_down_by_itself_and_up_again(stage: WeakStage) -> None:
    judge("edge", await weak_runs.edge(stage, SECONDS, SETTLE_S))


async def test_a_tunnel_keeps_the_seat_and_media_comes_back(stage: WeakStage) -> None:
    figures = await weak_runs.tunnel(stage)
    assert figures["seat_kept"]
    judge("tunnel", figures)


async def test_another_address_keeps_the_seat_and_media_comes_back(stage: WeakStage) -> None:
    figures = await weak_runs.switch(stage)
    assert figures["seat_kept"]
    judge("switch", figures)


async def test_without_udp_somebody_is_in_the_lesson_by_tcp(stage: WeakStage) -> None:
    async with async_playwright() as playwright:
        secretary = await launch(playwright, "secretary", stage.home.url)
        try:
            await secretary.log_in(stage.home.logins["secretary"])
            figures = await weak_runs.udp_blocked(stage, secretary)
        finally:
            await secretary.close()
    assert figures["by_tcp"]
    judge("udp-blocked", figures)


async def test_all_of_that_is_one_attendance_without_a_hole(stage: WeakStage) -> None:
    """Last: it ends the lesson in which all the others took place."""
    member_id = await stage.member.participant_id()
    _, entry_id = await end_lesson(stage.host, stage.meeting_id)
    proof = await stage.host.api("GET", f"/api/ledger/{entry_id}/proof.json")
    mine = [event for event in proof["events"] if _payload(event).get("participant_id") == member_id]
    coming = [event["type"] for event in mine if event["type"] in ("joined", "left", "away")]
    assert coming[:1] == ["joined"] and "away" not in coming and coming.count("joined") == 1, coming
    entry = await stage.host.api("GET", f"/api/ledger/{entry_id}")
    rows = [row for row in entry["attendance"] if row["name"] == stage.home.logins["member"]["name"]]
    assert len(rows) == 1
    assert not stage.host.foreign_requests and not stage.member.foreign_requests


def _payload(event: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(event["payload"]) if isinstance(event["payload"], str) else event["payload"]
    return payload
