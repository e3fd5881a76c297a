"""A whole installation for the other ways in and out: the server in this process, recorder and media worker beside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from argon2 import PasswordHasher

from recordings import control as recordings_control
from server.app import Server
from server.clock import SystemClock
from server.settings import Settings
from tests.conftest import SetClock
from tests.integration.recordings.publishers import Camera, Microphone
from tests.integration.recordings.tap_source import Sender, TapSource
from tests.integration.server_http.conftest import HOUR_MS, PASSWORD, Site, people, until
from tests.integration.signaling.guest import Guest, MediaPeer
from tests.servers.seaweedfs import seaweedfs

TOKEN = "worker-token-of-the-tests"
ROOT = Path(__file__).parents[3]


class TappedPeer(MediaPeer):
    """A media worker's control channel whose rooms are tapped where a synthetic room sends."""

    def __init__(self, url: str, tap: str) -> None:
        super().__init__(url)
        self._tap = tap

    async def _answer(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        answer = await super()._answer(event, data)
        return {"ok": True, "data": {"tap": self._tap}} if event == "room.open" else answer


@dataclass
class Hall(Site):
    """Everything that one organisation has on one machine."""

    folder: Path = Path()
    store_url: str = ""
    meeting_id: str = ""
    guests: dict[str, Guest] = field(default_factory=dict)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start_process(self, module: str, **variables: str) -> None:
        """``recordings`` or ``media``; returns when the server has heard of it."""
        environment = {
            **os.environ,
            "SERVER_URL": self.url,
            "WORKER_TOKEN": TOKEN,
            "RECORDER_ID": "recorder-1",
            "OBJECT_STORE": self.store_url,
            "RECORDINGS_SPOOL": str(self.folder / "spool"),
            "MEDIA_TAP_DIR": str(self.folder),
            **variables,
        }
        workers = self.services.recorders if module == "recordings" else self.services.media
        with (self.folder / f"{module}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, cwd=os.environ.get("WAYS_TREE", ROOT), env=environment, stderr=log
            )
        self.processes[module] = process
        await until(f"the hello of {module}", lambda: _true(workers.count > 0), 20)

    async def end_process(self, module: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self.processes.pop(module)
        if process.returncode is None:
            process.send_signal(how)
        await process.wait()

    async def enter(self, account: str) -> Guest:
        """Into the room, over signaling alone."""
        browser = await self.browser(account)
        answer = await browser.post(f"/api/meetings/{self.meeting_id}/ticket", {"device": "desktop"})
        assert answer.status == 200, answer.body
        self.guests[account] = await Guest(self.url).enter(answer.body["ticket"])
        return self.guests[account]

    async def begin(self, **changes: Any) -> Guest:
        """A lesson that runs; the host's guest. Everybody else is on the roll."""
        now_ms = self.clock.now_ms()
        self.meeting_id = await self.meeting(**{"start_ms": now_ms, "end_ms": now_ms + HOUR_MS, **changes})
        host = await self.enter("host")
        await host.do("meeting.start")
        return host

    async def recording(self, state: recordings_control.RecordingState) -> str:
        """Waits for the state; the recording's id."""

        def shown() -> Any:
            room = self.services.rooms.get(self.meeting_id)
            return room.recording if room else None

        await until(f"the recording to be {state}", lambda: _true(shown() and shown().state == state), 20)
        return str(shown().recording_id)

    def log(self, module: str) -> str:
        return (self.folder / f"{module}.log").read_text()


async def _true(value: object) -> bool:
    return bool(value)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """One for all: hashing is slow on purpose."""
    return PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)


@pytest.fixture
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder; a real S3 server for the tests that say ``on_s3``."""
    if getattr(request, "param", "local") == "local":
        yield f"file://{tmp_path}/objects"
        return
    with seaweedfs() as url:
        yield url


on_s3 = pytest.mark.parametrize("object_store", ["s3"], indirect=True)


@pytest.fixture
async def hall(tmp_path: Path, password_hash: str, object_store: str) -> AsyncIterator[Hall]:
    """Nothing runs beside the server yet."""
    web_dist = tmp_path / "dist"
    web_dist.mkdir()
    (web_dist / "index.html").write_text("<!doctype html><title>会堂</title>")
    settings = Settings(
        port=0, data_dir=tmp_path / "data", object_store=object_store, worker_token=TOKEN, demo=False, web_dist=web_dist
    )
    server = Server(settings, SystemClock())
    found: Hall | None = None
    try:
        services = await server.start()
        clock = cast(SetClock, services.clock)  # this one goes by itself
        found = Hall(services, clock, f"http://127.0.0.1:{server.port}", web_dist)
        found.folder, found.store_url = tmp_path, object_store
        await people(found, password_hash)
        yield found
    finally:
        if found is not None:
            for guest in found.guests.values():
                await guest.close()
            for module in list(found.processes):
                await found.end_process(module)
            for browser in found.browsers:
                await browser.http.close()
        await server.stop()


@dataclass
class Stage:
    """A lesson that is recorded, with one synthetic lecturer in the room."""

    hall: Hall
    room: TapSource
    lecturer: Sender
    host: Guest
    recording_id: str

    @property
    def camera(self) -> Camera:
        assert self.lecturer.camera is not None
        return self.lecturer.camera


@pytest.fixture
async def stage(hall: Hall) -> AsyncIterator[Stage]:
    """The recorder is a real process; the room's packets are made here."""
    room = TapSource(hall.folder, TOKEN)
    peer = TappedPeer(hall.url, room.address)
    lecturer = Sender("lecturer")
    lecturer.camera, lecturer.microphone = Camera("H264", 640, 360, 15, 1), Microphone(440, 2)
    await room.start()
    try:
        await peer.start(TOKEN)
        await hall.start_process("recordings")
        room.join(lecturer)
        now_ms = hall.clock.now_ms()
        hall.meeting_id = await hall.meeting(start_ms=now_ms, end_ms=now_ms + HOUR_MS)
        room.room_id = hall.meeting_id
        host = await hall.enter("host")
        await host.do("meeting.start")
        recording_id = await hall.recording(recordings_control.RecordingState.RECORDING)
        yield Stage(hall, room, lecturer, host, recording_id)
    finally:
        await peer.close()
        if "recordings" in hall.processes:
            await hall.end_process("recordings")
        await room.stop()


@pytest.fixture
async def meeting_hall(hall: Hall) -> Hall:
    """With a real media worker; no meeting yet."""
    await hall.start_process("media")
    return hall
