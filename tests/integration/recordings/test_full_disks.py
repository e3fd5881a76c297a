"""A store and a spool that are full in the middle of a lesson: real file systems of a few kilobytes that grow later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from recordings.control import RecordingErrorCode, RecordingStart, RecordingState, RecordingStop
from tests.integration.recordings.conftest import Bench, SmallDisk
from tests.integration.recordings.publishers import read_counter
from tests.integration.recordings.server_stand_in import wait_for
from tests.integration.recordings.tap_source import KEPT_US
from tests.integration.recordings.test_bad_luck import code_of
from tests.integration.recordings.test_program import assert_in_sync, speaker

pytestmark = pytest.mark.integration
MakeDisk = Callable[[Path, str], SmallDisk]
NOBODYS_TRACK = 60_000


def in_order(bench: Bench) -> bool:
    indexes = list(dict.fromkeys(segment.index for segment in bench.server.segments))
    return indexes == list(range(len(indexes)))


async def test_a_full_store_costs_nothing(bench: Bench, small_disk: MakeDisk) -> None:
    store = small_disk(bench.folder / "store", "1m")
    bench.room.join(speaker("host", 1, beeps=True))
    began = time.monotonic()
    await bench.record()
    await wait_for(lambda: len(bench.server.segments) >= 2, "nothing was stored")
    store.fill()
    stored = len(bench.server.segments)
    await wait_for(lambda: code_of(bench) == RecordingErrorCode.STORE_FULL, "nobody was told")
    assert bench.server.changes[-1].state == RecordingState.RECORDING
    spool = bench.spool / "rec-1"
    await wait_for(lambda: len(list(spool.glob("*.m4s"))) >= 2, "the lesson is not recorded on")
    assert len(bench.server.segments) - stored <= 1  # one may have been on its way

    store.grow("32m")
    await wait_for(lambda: code_of(bench) is None, "that there is room was not told")
    lasted_s = time.monotonic() - began
    ended = await bench.stop_recording()
    found = await bench.probe()
    print(found.facts(), bench.log())
    assert ended.state == RecordingState.FINISHED and ended.gaps == () and found.gaps == ()
    assert abs(found.playlist_s - lasted_s) < 1.0 and abs(ended.duration_ms / 1000 - found.playlist_s) < 0.1
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width == 320]
    assert counters == list(range(counters[0], counters[-1] + 1))
    assert found.damaged == 0 and in_order(bench)
    assert_in_sync(found)


async def test_a_full_spool_keeps_what_it_can_and_goes_on(bench: Bench, small_disk: MakeDisk) -> None:
    """The frames wait in memory and in the tap; nothing of them is lost while those hold them."""
    await bench.terminate()
    spool = small_disk(bench.spool, "4m")
    await bench.start_recorder()
    bench.room.join(speaker("host", 1, beeps=True))
    began = time.monotonic()
    await bench.record()
    await wait_for(lambda: bench.server.segments, "nothing was stored")
    spool.fill()
    await wait_for(lambda: code_of(bench) == RecordingErrorCode.SPOOL_FULL, "nobody was told")
    await asyncio.sleep(6)
    assert bench.process is not None and bench.process.returncode is None

    spool.grow("64m")
    await wait_for(lambda: code_of(bench) is None, "that there is room was not told")
    await asyncio.sleep(3)
    lasted_s = time.monotonic() - began
    ended = await bench.stop_recording()
    found = await bench.probe()
    print(found.facts(), bench.log())
    assert ended.state == RecordingState.FINISHED and ended.gaps == ()
    assert abs(found.playlist_s - lasted_s) < 1.0 and found.damaged == 0 and in_order(bench)
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width == 320]
    assert counters == list(range(counters[0], counters[-1] + 1))
    assert_in_sync(found)
    assert "Traceback" not in bench.log(), bench.log()


async def test_a_lesson_that_ends_while_the_spool_is_full_keeps_its_end(bench: Bench, small_disk: MakeDisk) -> None:
    """The end and the frames before it cannot be written when it is asked for; both are when there is room."""
    await bench.terminate()
    spool = small_disk(bench.spool, "4m")
    await bench.start_recorder()
    bench.room.join(speaker("host", 1, beeps=True))
    began = time.monotonic()
    await bench.record()
    await wait_for(lambda: bench.server.segments, "nothing was stored")
    spool.fill()
    await wait_for(lambda: code_of(bench) == RecordingErrorCode.SPOOL_FULL, "nobody was told")
    await asyncio.sleep(3)
    lasted_s = time.monotonic() - began
    assert (await bench.server.call(RecordingStop(recording_id="rec-1")))["ok"]
    await wait_for(lambda: bench.server.changes[-1].state == RecordingState.FINISHING, "the stop was not told")
    await asyncio.sleep(1)
    spool.grow("32m")
    ended = await bench.finished()
    found = await bench.probe()
    print(found.facts(), bench.log())
    assert ended.state == RecordingState.FINISHED and ended.gaps == ()
    assert abs(found.playlist_s - lasted_s) < 1.0 and found.damaged == 0 and in_order(bench)
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width == 320]
    assert counters == list(range(counters[0], counters[-1] + 1)) and len(counters) > 15 * (lasted_s - 2)
    assert_in_sync(found)


async def test_what_a_full_spool_loses_is_declared(bench: Bench, small_disk: MakeDisk) -> None:
    """Full for so long that neither the recorder's memory nor the tap holds what was missed."""
    await bench.terminate()
    spool = small_disk(bench.spool, "4m")
    await bench.start_recorder()
    bench.room.max_backlog = 1 << 20
    bench.room.join(speaker("host", 1))
    began = time.monotonic()
    await bench.record()
    await wait_for(lambda: bench.server.segments, "nothing was stored")
    spool.fill()
    await wait_for(lambda: code_of(bench) == RecordingErrorCode.SPOOL_FULL, "nobody was told")
    full_s = time.monotonic() - began
    for _ in range(12):  # a megabyte each, of a track that the program does not know
        for _ in range(1000):
            bench.room.rtp(NOBODYS_TRACK, bytes(1050))
        await asyncio.sleep(0.1)
    cut_s = time.monotonic() - began
    await asyncio.sleep(KEPT_US / 1_000_000 + 2)
    assert bench.process is not None and bench.process.returncode is None

    spool.grow("64m")
    await wait_for(lambda: code_of(bench) is None, "that there is room was not told")
    back_s = time.monotonic() - began
    await asyncio.sleep(4)
    lasted_s = time.monotonic() - began
    ended = await bench.stop_recording()
    found = await bench.probe()
    print(found.facts(), ended, bench.log())
    assert ended.state == RecordingState.FINISHED and found.gaps == ended.gaps
    assert [gap.reason for gap in ended.gaps] == ["loss"]
    gap = ended.gaps[0]
    assert full_s - 1 < gap.start_ms / 1000 < cut_s + 1, "what memory and tap held was kept"
    assert cut_s - 1 < gap.end_ms / 1000 < back_s + 1
    assert abs(found.playlist_s - lasted_s) < 1.0 and found.damaged == 0 and in_order(bench)
    shown_ms = [frame.time_s * 1000 for frame in found.frames if frame.width == 320]
    holes = [(start, end) for start, end in pairwise(shown_ms) if end - start > 1000]
    # The picture needs a keyframe, which can be asked for only now; the sound is back at once.
    assert all(start > gap.start_ms - 1000 and end < back_s * 1000 + 3000 for start, end in holes), holes
    assert shown_ms[-1] > (lasted_s - 2) * 1000, "the picture did not come back"
    heard = found.sound[(gap.end_ms + 500) * 48 :]
    blocks = [max(heard[start : start + 4800]) for start in range(0, len(heard) - 9600, 4800)]
    assert min(blocks) > 3000, blocks


async def test_a_recording_that_finds_no_room_begins_when_there_is_some(bench: Bench, small_disk: MakeDisk) -> None:
    await bench.terminate()
    spool = small_disk(bench.spool, "64k")
    await bench.start_recorder()
    spool.fill()
    bench.room.join(speaker("host", 1))
    start = RecordingStart(recording_id="rec-1", room_id=bench.room.room_id, tap=bench.room.address)
    answer = await bench.server.call(start)
    assert answer["error"]["code"] == RecordingErrorCode.SPOOL_FULL
    await wait_for(lambda: code_of(bench) == RecordingErrorCode.SPOOL_FULL, "nobody was told")
    assert bench.server.changes[-1].state == RecordingState.STALLED
    spool.grow("32m")
    await bench.record()
    assert code_of(bench) is None
    await wait_for(lambda: bench.server.segments, "nothing was stored")
    ended = await bench.stop_recording()
    assert ended.state == RecordingState.FINISHED
    assert (await bench.probe()).damaged == 0
