"""Whole recordings: a recorder process, a room of synthetic senders, and a decoder that looks at the result."""

from __future__ import annotations

import asyncio
import time

import pytest

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
