"""A loop that keeps time, one that stalls and one that hangs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from media import watchdog
from media.stats import Counters
from media.watchdog import Watchdog


@pytest.fixture
async def watch() -> AsyncIterator[Callable[..., Watchdog]]:
    """Starts watchdogs; they end with the test, however it ends."""
    started: list[Watchdog] = []

    def start(counters: Counters, end: Callable[[], None] | None = None) -> Watchdog:
        started.append(Watchdog(counters, end))
        started[-1].start()
        return started[-1]

    yield start
    for watched in started:
        await watched.close()


async def _beats(watched: Watchdog, count: int) -> None:
    async with asyncio.timeout(5):
        while len(watched._lags_us) < count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


async def test_lag_is_measured(watch: Callable[..., Watchdog]) -> None:
    assert Watchdog(Counters()).gauges() == {"loop_lag_p99_us": 0, "loop_lag_max_us": 0}
    watched = watch(Counters())
    await _beats(watched, 2)
    time.sleep(0.06)  # noqa: ASYNC251 - this is what is measured
    await _beats(watched, 4)
    gauges = watched.gauges()
    assert gauges["loop_lag_max_us"] >= 30_000
    assert gauges["loop_lag_p99_us"] <= gauges["loop_lag_max_us"]


async def test_a_stall_is_told_with_its_stack(
    watch: Callable[..., Watchdog], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watchdog, "STALL_S", 0.05)
    monkeypatch.setattr(watchdog, "LOOK_S", 0.01)
    counters = Counters()
    watch(counters)
    with caplog.at_level(logging.WARNING):
        _stand_still_until(lambda: counters["loop_stalls"] > 0)
    assert "_stand_still_until" in caplog.text


async def test_a_loop_that_hangs_ends_the_process(
    watch: Callable[..., Watchdog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "HANG_S", 0.05)
    monkeypatch.setattr(watchdog, "LOOK_S", 0.01)
    ended = threading.Event()
    watch(Counters(), ended.set)
    _stand_still_until(ended.is_set)


def _stand_still_until(condition: object) -> None:
    deadline = time.monotonic() + 5
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline, "nobody noticed"
        time.sleep(0.005)
