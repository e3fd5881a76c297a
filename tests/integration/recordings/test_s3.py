"""A recording into a real S3 server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from recordings.control import RecordingState
from tests.integration.recordings.conftest import Bench
from tests.integration.recordings.test_program import speaker
from tests.servers.seaweedfs import seaweedfs

pytestmark = pytest.mark.integration


async def test_a_recording_into_s3_plays(tmp_path: Path) -> None:
    starting = seaweedfs()
    bench = Bench(tmp_path)
    bench.store_url = await asyncio.to_thread(starting.__enter__)
    try:
        async with bench.running():
            bench.room.join(speaker("host", 1))
            await bench.record()
            await asyncio.sleep(5)
            ended = await bench.stop_recording()
            found = await bench.probe()
            assert ended.state == RecordingState.FINISHED
            assert found.ended and found.damaged == 0 and 4 < found.playlist_s < 8
            assert [segment.index for segment in bench.server.segments] == list(range(len(bench.server.segments)))
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)
