"""Kills, stores that go away, pauses, taps that move: what a recording keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from recordings.control import (
    RecordingErrorCode,
    RecordingPause,
    RecordingResume,
    RecordingStart,
    RecordingState,
    RecordingStop,
)
from tests.integration.recordings.conftest import TOKEN, Bench
from tests.integration.recordings.publishers import read_counter
from tests.integration.recordings.server_stand_in import wait_for
from tests.integration.recordings.tap_source import KEPT_US, TapSource
from tests.integration.recordings.test_program import assert_in_sync, speaker

pytestmark = pytest.mark.integration
RING_S = KEPT_US / 1_000_000


def take_store_away(bench: Bench) -> Callable[[], None]:
    """Puts a file in the place of the store's folder; returns what undoes it."""
    objects = bench.folder / "store" / "objects"
    objects.rename(bench.folder / "away")
    objects.write_text("the store is no folder now")

    def bring_back() -> None:
        objects.unlink()
        (bench.folder / "away").rename(objects)

    return bring_back


def code_of(bench: Bench) -> RecordingErrorCode | None:
    last = bench.server.last("rec-1")
    return last.code if last else None


async def test_kill_9_of_the_recorder_loses_nothing_that_the_ring_holds(bench: Bench) -> None:
    bench.room.join(speaker("host", 1, beeps=True))
    began = time.monotonic()
    await bench.record()
    beyond_ring_s = 0.0  # a machine under load may take longer than the ring lasts to start a process
    for pause_s in (5.3, 3.1):
        await asyncio.sleep(pause_s)
        await bench.kill()
        killed = time.monotonic()
        await asyncio.sleep(0.8)
        await bench.start_recorder()
        beyond_ring_s += max(time.monotonic() - killed - RING_S, 0)
    assert bench.server.hellos[-1]["recording_ids"] == ["rec-1"]
    await asyncio.sleep(4)
    lasted_s = time.monotonic() - began
    ended = await bench.stop_recording()

    found = await bench.probe()
    print(found.facts(), bench.log())
    lost_s = sum(gap.end_ms - gap.start_ms for gap in ended.gaps) / 1000
    assert lost_s <= 2 + beyond_ring_s
    assert abs(found.playlist_s - lasted_s) < 1.0
    assert abs(len(found.sound) / 48_000 - found.playlist_s) < 0.1
    assert found.damaged == 0
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width == 320]
    missing = set(range(counters[0], counters[-1])) - set(counters)
    assert len(missing) <= 15 * (2 + 4 * beyond_ring_s), sorted(missing)
    assert len(counters) == len(set(counters))
    assert_in_sync(found)
    indexes = [segment.index for segment in bench.server.segments]
    assert sorted(set(indexes)) == list(range(len(set(indexes))))


async def test_a_recorder_that_is_away_longer_than_the_ring_declares_the_gap(bench: Bench) -> None:
    bench.room.join(speaker("host", 1))
    began = time.monotonic()
    await bench.record()
    await asyncio.sleep(2.5)
    await bench.kill()
    killed = time.monotonic()
    await asyncio.sleep(RING_S + 2)
    await bench.start_recorder()
    away_s = time.monotonic() - killed
    await asyncio.sleep(2.5)
    lasted_s = time.monotonic() - began
    ended = await bench.stop_recording()
    found = await bench.probe()
    print(found.facts(), ended)
    assert [gap.reason for gap in ended.gaps] == ["crash"]
    assert 1 < (ended.gaps[0].end_ms - ended.gaps[0].start_ms) / 1000 < away_s - RING_S + 2
    assert found.longest_segment_s < 8
    assert abs(found.playlist_s - lasted_s) < 1.0
    assert found.gaps == ended.gaps


async def test_sigterm_leaves_the_recording_resumable(bench: Bench) -> None:
    bench.room.join(speaker("host", 1))
    await bench.record()
    await asyncio.sleep(2)
    began = time.monotonic()
    assert await asyncio.wait_for(bench.terminate(), 10) == 0
    await bench.start_recorder()
    beyond_ring_s = max(time.monotonic() - began - RING_S, 0)
    await asyncio.sleep(1)
    ended = await bench.stop_recording()
    assert ended.state == RecordingState.FINISHED
    assert ended.gaps == () or beyond_ring_s
    assert (await bench.probe()).damaged == 0
    assert "Traceback" not in bench.log() and "Unclosed" not in bench.log(), bench.log()


async def test_a_stop_that_a_crash_interrupts_is_finished_by_the_successor(bench: Bench) -> None:
    bench.room.join(speaker("host", 1))
    await bench.record()
    await asyncio.sleep(2)
    bring_back = take_store_away(bench)
    assert (await bench.server.call(RecordingStop(recording_id="rec-1")))["ok"]
    await asyncio.sleep(0.5)
    await bench.kill()
    bring_back()
    await bench.start_recorder()
    ended = await bench.finished()
    assert ended.state == RecordingState.FINISHED
    assert (await bench.probe()).ended
    await wait_for(lambda: not list(bench.spool.iterdir()), "the spool was not cleaned")


async def test_a_store_that_is_away_costs_nothing(bench: Bench) -> None:
    bench.room.join(speaker("host", 1, beeps=True))
    began = time.monotonic()
    await bench.record()
    await asyncio.sleep(5)
    bring_back = take_store_away(bench)
    await wait_for(
        lambda: code_of(bench) in (RecordingErrorCode.STORE_AWAY, RecordingErrorCode.STORE_FULL),
        "nobody was told",
    )
    assert bench.server.changes[-1].state == RecordingState.RECORDING
    await asyncio.sleep(6)
    bring_back()
    await wait_for(lambda: code_of(bench) is None, "the store's return was not told")
    lasted_s = time.monotonic() - began
    ended = await bench.stop_recording()
    found = await bench.probe()
    print(found.facts())
    assert abs(found.playlist_s - lasted_s) < 1.0 and ended.gaps == ()
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width == 320]
    assert counters == list(range(counters[0], counters[-1] + 1))
    assert [segment.index for segment in bench.server.segments] == list(range(len(bench.server.segments)))


async def test_a_pause_holds_no_byte_and_is_declared(bench: Bench) -> None:
    bench.room.join(speaker("host", 1))
    await bench.record()
    await asyncio.sleep(2)
    assert (await bench.server.call(RecordingPause(recording_id="rec-1")))["ok"]
    await wait_for(lambda: bench.server.changes[-1].state == RecordingState.PAUSED, "not paused")
    journal = bench.spool / "rec-1" / "journal.bin"
    await asyncio.sleep(0.5)
    size = journal.stat().st_size
    await asyncio.sleep(2)
    assert journal.stat().st_size == size
    assert (await bench.server.call(RecordingResume(recording_id="rec-1")))["ok"]
    await asyncio.sleep(3)
    ended = await bench.stop_recording()
    found = await bench.probe()
    print(found.facts(), ended)
    assert [gap.reason for gap in ended.gaps] == ["pause"]
    gap = ended.gaps[0]
    assert 2300 < gap.end_ms - gap.start_ms < 3500
    quiet = found.sound[(gap.start_ms + 100) * 48 : (gap.end_ms - 100) * 48]
    assert max(quiet) < 200
    assert max(found.sound[(gap.end_ms + 1000) * 48 :]) > 5000
    shown = [frame for frame in found.frames if gap.start_ms + 1100 < frame.time_s * 1000 < gap.end_ms]
    assert all(frame.width == 640 for frame in shown)


async def test_a_recording_may_begin_with_a_pause(bench: Bench) -> None:
    start = RecordingStart(recording_id="rec-1", room_id="room-1", tap="unix:/nowhere/tap.sock")
    assert (await bench.server.call(start))["ok"]
    assert (await bench.server.call(RecordingPause(recording_id="rec-1")))["ok"]
    await asyncio.sleep(1)
    ended = await bench.stop_recording()
    assert ended.state == RecordingState.FINISHED and [gap.reason for gap in ended.gaps] == ["pause"]


async def test_a_crash_in_a_pause_brings_nothing_of_it_back(bench: Bench) -> None:
    bench.room.join(speaker("host", 1))
    await bench.record()
    await asyncio.sleep(1.5)
    assert (await bench.server.call(RecordingPause(recording_id="rec-1")))["ok"]
    await bench.kill()
    await asyncio.sleep(0.5)
    await bench.start_recorder()
    await wait_for(lambda: bench.server.changes[-1].state == RecordingState.PAUSED, "not paused any more")
    hellos = len(bench.room.hellos)
    assert (await bench.server.call(RecordingResume(recording_id="rec-1")))["ok"]
    await wait_for(lambda: len(bench.room.hellos) > hellos, "the tap was not opened again")
    assert bench.room.hellos[-1].after is None
    await asyncio.sleep(2)
    ended = await bench.stop_recording()
    assert [gap.reason for gap in ended.gaps] == ["pause"]
    found = await bench.probe()
    gap = ended.gaps[0]
    assert max(found.sound[(gap.start_ms + 100) * 48 : (gap.end_ms - 100) * 48]) < 200


async def test_a_moved_room_goes_on_behind_another_tap(bench: Bench) -> None:
    bench.room.join(speaker("host", 1))
    await bench.record()
    await asyncio.sleep(3)
    await bench.room.stop()
    (bench.folder / "second").mkdir()
    moved = TapSource(bench.folder / "second", TOKEN)
    moved.join(speaker("host", 2, tone_hz=660))
    await moved.start()
    start = RecordingStart(recording_id="rec-1", room_id="room-1", tap=moved.address)
    assert (await bench.server.call(start))["ok"]
    await asyncio.sleep(3.5)
    ended = await bench.stop_recording()
    await moved.stop()
    found = await bench.probe()
    print(found.facts(), ended)
    assert all(gap.reason == "loss" for gap in ended.gaps)
    assert found.damaged == 0 and 6 < found.playlist_s < 9
    assert max(found.sound[-48_000:]) > 5000


async def test_lost_packets_freeze_the_picture_and_never_break_it(bench: Bench) -> None:
    sender = bench.room.join(speaker("host", 1))
    count = 0

    def lose(packet: bytes) -> bool:
        nonlocal count
        count += 1
        return count % 40 == 0

    sender.lose = lose
    await bench.record()
    await asyncio.sleep(8)
    await bench.stop_recording()
    found = await bench.probe()
    print(found.facts())
    assert found.damaged == 0
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width == 320]
    assert counters == sorted(set(counters))
    assert len(counters) > 30
    assert bench.room.keyframe_requests


async def test_the_server_goes_and_comes_back(bench: Bench) -> None:
    bench.room.join(speaker("host", 1))
    await bench.record()
    port = bench.server.port
    await bench.server.stop()
    await asyncio.sleep(5)
    segments, changes = bench.server.segments, bench.server.changes
    bench.server.__init__(TOKEN)  # type: ignore[misc]
    bench.server.segments, bench.server.changes = segments, changes
    await bench.server.start(port)
    await wait_for(lambda: bench.server.hellos, "the recorder did not come back")
    assert bench.server.hellos[0]["recording_ids"] == ["rec-1"]
    ended = await bench.stop_recording()
    assert ended.state == RecordingState.FINISHED
    indexes = [segment.index for segment in bench.server.segments]
    assert list(dict.fromkeys(indexes)) == list(range(max(indexes) + 1))
    await wait_for(lambda: not list(bench.spool.iterdir()), "the spool was not cleaned")


async def test_calls_that_cannot_be_done_are_refused(bench: Bench) -> None:
    answer = await bench.server.call(RecordingStop(recording_id="nobody"))
    assert answer["error"]["code"] == RecordingErrorCode.UNKNOWN_RECORDING
    answer = await bench.server.call(RecordingStart(recording_id="../x", room_id="room-1", tap=bench.room.address))
    assert answer["error"]["code"] == "bad_request"


async def test_a_tap_that_never_answers_is_told_and_fails(bench: Bench) -> None:
    start = RecordingStart(recording_id="rec-1", room_id="room-1", tap="unix:/nowhere/tap.sock")
    assert (await bench.server.call(start))["ok"]
    await wait_for(lambda: code_of(bench) == RecordingErrorCode.TAP_UNREACHABLE, "nobody was told", deadline_s=15)
    assert bench.server.changes[-1].state == RecordingState.STALLED
    ended = await bench.stop_recording()
    assert ended.state == RecordingState.FAILED
    await wait_for(lambda: not list(bench.spool.iterdir()), "the spool was not cleaned")
