"""Whole recordings: a recorder process, a room of synthetic senders, and a decoder that looks at the result."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from array import array

import pytest

from recordings.control import RecordingStage
from recordings.probe import Probe, beeps, flashes
from tests.integration.recordings.conftest import Bench
from tests.integration.recordings.publishers import Camera, Microphone, read_counter
from tests.integration.recordings.tap_source import Sender

pytestmark = pytest.mark.integration


def speaker(name: str, seed: int, *, codec: str = "H264", beeps: bool = False, tone_hz: float = 440.0) -> Sender:
    sender = Sender(name, clock_error_s=seed * 17.3)
    sender.camera = Camera(codec, 320, 180, 15, seed)
    sender.microphone = Microphone(tone_hz, seed + 100, beeps=beeps)
    return sender


def assert_in_sync(found: Probe, tolerance_s: float = 0.15) -> None:
    """Every flash of the picture has a beep within the tolerance, and there are some."""
    seen, heard = flashes(found.frames), beeps(found.sound)
    assert len(seen) >= 2, seen
    for flash_s in seen:
        nearest = min((abs(flash_s - beep_s) for beep_s in heard), default=99.0)
        assert nearest <= tolerance_s, (seen, heard)


async def test_a_lesson_is_recorded_whole_and_in_sync(bench: Bench) -> None:
    sender = bench.room.join(speaker("host", 1, beeps=True))
    assert sender.camera is not None
    await asyncio.sleep(0.5)
    began = time.monotonic()
    await bench.record()
    await asyncio.sleep(6)
    sender.camera.resize(480, 272)
    await asyncio.sleep(6)
    lasted_s = time.monotonic() - began
    ended = await bench.stop_recording()

    found = await bench.probe()
    print(found.facts(), ended, bench.log())
    assert abs(found.playlist_s - lasted_s) < 1.0
    assert abs(ended.duration_ms / 1000 - found.playlist_s) < 0.1
    assert abs(len(found.sound) / 48_000 - found.playlist_s) < 0.1
    assert found.ended and found.damaged == 0 and found.gaps == () and ended.gaps == ()
    assert found.codecs == ("aac", "h264")
    assert {(frame.width, frame.height) for frame in found.frames} >= {(320, 180), (480, 272)}
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width != 640]
    assert counters == list(range(counters[0], counters[0] + len(counters))), counters
    assert len(counters) >= 15 * (lasted_s - 2)
    assert found.longest_segment_s < 6
    assert_in_sync(found)


def loudness(sound: array[int], hz: float) -> float:
    """Amplitude of one frequency (Goertzel), 0 to 32767."""
    step = 2 * math.pi * hz / 48_000
    real = sum(sample * math.cos(step * n) for n, sample in enumerate(sound))
    imaginary = sum(sample * math.sin(step * n) for n, sample in enumerate(sound))
    return 2 * math.hypot(real, imaginary) / len(sound)


async def test_two_voices_are_mixed_and_the_picture_follows_the_speaker(bench: Bench) -> None:
    first = bench.room.join(speaker("first", 1, tone_hz=500))
    second = speaker("second", 2, tone_hz=1200)
    second.camera = Camera("H264", 640, 480, 15, 2)
    bench.room.join(second)
    bench.room.speakers("first")
    await bench.record()
    await asyncio.sleep(4)
    bench.room.speakers("second", "first")
    await asyncio.sleep(5)
    bench.room.leave(first)
    await asyncio.sleep(1.5)
    await bench.stop_recording()
    found = await bench.probe()
    print(found.facts())
    piece = found.sound[5 * 48_000 : 6 * 48_000]
    assert loudness(piece, 500) > 5000 and loudness(piece, 1200) > 5000
    assert loudness(piece, 800) < 500
    tail = found.sound[-24_000:]
    assert loudness(tail, 500) < 1000 and loudness(tail, 1200) > 5000
    switched_s = next(frame.time_s for frame in found.frames if (frame.width, frame.height) == (640, 480))
    assert 6.5 < switched_s < 9.5
    assert found.damaged == 0


async def test_screen_over_stage_over_speaker(bench: Bench) -> None:
    for seed, name in enumerate(("first", "second"), 1):
        sender = Sender(name)
        sender.camera = Camera("H264", 320, 160 + 16 * seed, 15, seed)
        bench.room.join(sender)
    bench.room.speakers("first")
    await bench.record()
    assert (await bench.server.call(RecordingStage(recording_id="rec-1", publication_id="second:camera")))["ok"]
    await asyncio.sleep(3.5)
    shared = Sender("first")
    shared.camera = Camera("H264", 480, 272, 5, 9)
    bench.room.join(shared, "screen")
    await asyncio.sleep(3.5)
    bench.room.leave(shared)
    await asyncio.sleep(3)
    await bench.stop_recording()
    found = await bench.probe()
    print(found.facts())
    sizes = [frame.height for frame in found.frames]
    order = [size for size, _ in itertools.groupby(sizes)]
    assert order[-3:] == [192, 272, 192] or order[-4:] == [192, 272, 360, 192], order


async def test_vp8_is_transcoded(bench: Bench) -> None:
    bench.room.join(speaker("firefox", 1, codec="VP8", beeps=True))
    began = time.monotonic()
    await bench.record()
    await asyncio.sleep(8)
    lasted_s = time.monotonic() - began
    await bench.stop_recording()
    found = await bench.probe()
    print(found.facts())
    assert found.codecs == ("aac", "h264") and found.damaged == 0
    assert abs(found.playlist_s - lasted_s) < 1.0
    counters = [read_counter(frame.top_line) for frame in found.frames if frame.width == 320]
    assert len(counters) > 15 * 6 and counters == list(range(counters[0], counters[-1] + 1))
    assert_in_sync(found)


async def test_a_room_without_a_picture_has_the_placeholder_and_its_full_length(bench: Bench) -> None:
    began = time.monotonic()
    await bench.record()
    await asyncio.sleep(3)
    late = Sender("late")
    late.microphone = Microphone(700, 3)
    bench.room.join(late)
    await asyncio.sleep(4)
    lasted_s = time.monotonic() - began
    await bench.stop_recording()
    found = await bench.probe()
    print(found.facts())
    assert abs(found.playlist_s - lasted_s) < 1.0
    assert max(found.sound[: 2 * 48_000]) < 50
    assert loudness(found.sound[5 * 48_000 : 6 * 48_000], 700) > 5000
    assert {(frame.width, frame.height) for frame in found.frames} == {(640, 360)}
    assert len(found.inits) == 1
