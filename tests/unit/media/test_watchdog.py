"""A loop that keeps time, one that stalls and one that hangs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from media import watchdog
from media.stats import Counters
from media.watchdog import Watchdog


async def _beats(watched: Watchdog, count: int) -> None:
    async with asyncio.timeout(5):
        while len(watched._lags_us) < count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


async def test_lag_is_measured() -> None:
    counters = Counters()
    watched = Watchdog(counters)
    assert watched.gauges() == {"loop_lag_p99_us": 0, "loop_lag_max_us": 0}
    watched.start()
    await _beats(watched, 2)
    time.sleep(0.06)  # noqa: ASYNC251 - this is what is measured
    await _beats(watched, 4)
    gauges = watched.gauges()
    assert gauges["loop_lag_max_us"] >= 30_000
    assert gauges["loop_lag_p99_us"] <= gauges["loop_lag_max_us"]
    await watched.close()


async def test_a_stall_is_told_with_its_stack(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watchdog, "STALL_S", 0.05)
    monkeypatch.setattr(watchdog, "LOOK_S", 0.01)
    counters = Counters()
    watched = Watchdog(counters)
    watched.start()
    with caplog.at_level(logging.WARNING):
        _stand_still_until(lambda: counters["loop_stalls"] > 0)
    assert counters["loop_stalls"] == 1, "once for each stall"
    assert "_stand_still_until" in caplog.text
    await watched.close()


async def test_a_loop_that_hangs_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "HANG_S", 0.05)
    monkeypatch.setattr(watchdog, "LOOK_S", 0.01)
    ended = threading.Event()
    watched = Watchdog(Counters(), ended.set)
    watched.start()
    _stand_still_until(ended.is_set)
    await watched.close()


def _stand_still_until(condition: object) -> None:
    deadline = time.monotonic() + 5
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline, "nobody noticed"
        time.sleep(0.005)
