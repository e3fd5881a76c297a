"""A recorder process with a server and a room of synthetic senders around it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from recordings.control import RecordingChanged, RecordingStart, RecordingState, RecordingStop
from recordings.probe import Probe, probe
from recordings.stores.open import open_store
from tests.integration.recordings.server_stand_in import ServerStandIn, wait_for
from tests.integration.recordings.tap_source import TapSource

TOKEN = "token-of-this-test"
ROOT = Path(__file__).parents[3]


class SmallDisk:
    """A file system of its own at ``folder`` that can be full and grow. Mounting needs root."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def grow(self, size: str) -> None:
        self._mount("-o", f"remount,size={size}")

    def fill(self, name: str = "ballast") -> None:
        """Leaves not one byte."""
        with suppress(OSError), (self.folder / name).open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def _mount(self, *options: str) -> None:
        made = subprocess.run(["mount", *options, str(self.folder)], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.fail(f"a disk that can be full needs a tmpfs, and this machine refuses the mount: {made.stderr}")


class Bench:
    """Everything around one recorder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.store_url = f"file://{folder}/store"
        self.server = ServerStandIn(TOKEN)
        self.room = TapSource(folder, TOKEN)
        self.process: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.server.start()
        await self.room.start()
        try:
            await self.start_recorder()
            yield
        finally:
            await self.terminate()
            await self.room.stop()
            await self.server.stop()

    async def start_recorder(self) -> None:
        environment = {
            **os.environ,
            "SERVER_URL": self.server.url,
            "WORKER_TOKEN": TOKEN,
            "RECORDER_ID": "recorder-1",
            "OBJECT_STORE": self.store_url,
            "RECORDINGS_SPOOL": str(self.spool),
        }
        count = len(self.server.hellos)
        with (self.folder / "recorder.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-W", "error", "-m", "recordings", cwd=ROOT, env=environment, stderr=log
            )
        await wait_for(lambda: len(self.server.hellos) > count, "the recorder did not say hello")

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        return await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(how)
        return await process.wait()

    async def record(self, recording_id: str = "rec-1") -> None:
        start = RecordingStart(recording_id=recording_id, room_id=self.room.room_id, tap=self.room.address)
        assert (await self.server.call(start))["ok"]
        await wait_for(
            lambda: (last := self.server.last(recording_id)) and last.state == RecordingState.RECORDING,
            "the recording did not begin",
        )

    async def stop_recording(self, recording_id: str = "rec-1") -> RecordingChanged:
        assert (await self.server.call(RecordingStop(recording_id=recording_id)))["ok"]
        return await self.finished(recording_id)

    async def finished(self, recording_id: str = "rec-1", deadline_s: float = 20.0) -> RecordingChanged:
        def done() -> bool:
            last = self.server.last(recording_id)
            return last is not None and last.state in (RecordingState.FINISHED, RecordingState.FAILED)

        await wait_for(done, "the recording did not finish", deadline_s)
        last = self.server.last(recording_id)
        assert last is not None
        return last

    async def probe(self, recording_id: str = "rec-1") -> Probe:
        store = await open_store(self.store_url)
        try:
            return await probe(store, recording_id)
        finally:
            await store.close()

    def log(self) -> str:
        return (self.folder / "recorder.log").read_text()


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, str], SmallDisk]]:
    disks: list[SmallDisk] = []

    def make(folder: Path, size: str) -> SmallDisk:
        disks.append(SmallDisk(folder, size))
        return disks[-1]

    yield make
    for disk in disks:
        disk.remove()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    async with made.running():
        yield made
