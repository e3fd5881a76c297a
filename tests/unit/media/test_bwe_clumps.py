"""What a radio does to arrival times is taken out, what a queue does stays: judged by the trend of the delay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from media.bwe import delay
from media.bwe.clumps import TICKS_PER_S, WRAP, Clumps
from media.bwe.delay import DelayTrend, Usage
from tests.netsim.profiles import PROFILES
from tests.netsim.shaper import Impairments, Shaper

FPS, PACING, FEEDBACK_S = 12, 2.5, 0.05
RADIO = replace(PROFILES["busy-wifi"].up, burst_loss=0.0)
NARROW = Impairments(delay_ms=40, rate_bps=800_000)


def packets(video_bps: float, seconds: float) -> list[tuple[float, int]]:
    """When a browser sends what: frames in paced packets, a large one now and then, and sound."""
    found = [(number * 0.02, 120) for number in range(int(seconds / 0.02))]
    for number in range(int(seconds * FPS)):
        left, at = video_bps / FPS / 8 * (1 if number % 72 else 3), number / FPS
        while left > 0:
            size = int(min(1200.0, max(60.0, left)))
            found.append((at, size))
            left -= 1200
            at += size * 8 / (video_bps * PACING)
    return sorted(found)


def arrivals(shape: Impairments, video_bps: float, seconds: float, seed: str) -> list[tuple[float, float, int]]:
    """Time of arrival, of sending, size."""
    shaper = Shaper(shape, seed)
    sent = packets(video_bps, seconds)
    return sorted((out, at, size) for at, size in sent for out in shaper.offer(size, at))


def reported(found: list[tuple[float, float, int]], clumps: Clumps) -> Iterator[tuple[float, int, int]]:
    for out, at, size in found:
        stamp = int((at + 60) * TICKS_PER_S) % WRAP  # wraps after four seconds
        yield out, int(at * 1_000_000) + 1, clumps.smooth(stamp, int((out + 1000) * 1_000_000), size)


def complaints(shape: Impairments, video_bps: float, seed: str = "a", seconds: float = 40.0) -> int:
    """How often a sender like libwebrtc would believe that the path is too narrow."""
    trend, count, due = DelayTrend(), 0, FEEDBACK_S
    batch: list[tuple[int, int]] = []
    for out, sent_us, arrival_us in reported(arrivals(shape, video_bps, seconds, seed), Clumps()):
        if out > due:
            for one in sorted(batch):
                trend.add(*one)
            count += trend.assess(int(out * 1_000_000)) is Usage.OVER
            batch, due = [], out + FEEDBACK_S
        batch.append((sent_us, arrival_us))
    return count


@pytest.fixture(autouse=True)
def _as_libwebrtc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its patience does not grow with the jitter."""
    monkeypatch.setattr(delay, "NOISE_TIME", 0.0)


@pytest.mark.parametrize("video_bps", [60_000, 300_000, 1_500_000])
@pytest.mark.parametrize("name", ["4g", "busy-wifi", "bad"])
def test_a_radio_is_no_queue(name: str, video_bps: int) -> None:
    assert sum(complaints(PROFILES[name].up, video_bps, seed) for seed in "abc") <= 2, "in two minutes"


@pytest.mark.parametrize("name", ["4g", "busy-wifi", "bad"])
def test_without_this_a_radio_is_taken_for_a_queue(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clumps, "is_radio", False)
    assert complaints(PROFILES[name].up, 1_500_000) > 20


@pytest.mark.parametrize("shape", [NARROW, replace(RADIO, rate_bps=800_000)], ids=["cable", "radio"])
def test_a_queue_is_still_seen_at_once(shape: Impairments) -> None:
    assert complaints(shape, 1_500_000, seconds=2.0) > 0


@pytest.mark.parametrize("video_bps", [140_000, 250_000])
def test_on_a_narrow_path_every_time_is_reported_as_it_was(video_bps: int) -> None:
    clumps = Clumps()
    found = arrivals(PROFILES["edge"].up, video_bps, 20.0, "a")
    for out, (_, _, arrival_us) in zip([one[0] for one in found], reported(found, clumps), strict=True):
        assert arrival_us == int((out + 1000) * 1_000_000)


def test_a_clock_that_jumps_moves_no_time_far() -> None:
    clumps = Clumps()
    for number, (out, at, size) in enumerate(arrivals(RADIO, 300_000, 20.0, "a")):
        stamp = int((at + 7.7 * (number % 5)) * TICKS_PER_S) % WRAP
        arrival_us = int(out * 1_000_000)
        assert abs(clumps.smooth(stamp, arrival_us, size) - arrival_us) <= 500_000
