"""A control server and a real media worker process for each test that asks for them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.media.control_server import TOKEN, ControlServer, until

StartWorker = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def server() -> AsyncIterator[ControlServer]:
    control_server = ControlServer()
    await control_server.start()
    yield control_server
    await control_server.stop()


@pytest.fixture
async def start_worker(server: ControlServer, tmp_path: Path) -> AsyncIterator[StartWorker]:
    """Starts ``python -m media`` and waits for its hello; everything started is ended afterwards."""
    started: list[asyncio.subprocess.Process] = []

    async def start(**variables: str) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "SERVER_URL": server.url,
            "WORKER_TOKEN": TOKEN,
            "MEDIA_TAP_DIR": str(tmp_path),
            **variables,
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "media", env=environment)
        started.append(process)
        before = len(server.hellos)
        await until(lambda: len(server.hellos) > before, "the worker's hello", 20)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            await process.wait()


@pytest.fixture
async def worker(start_worker: StartWorker) -> asyncio.subprocess.Process:
    return await start_worker()
