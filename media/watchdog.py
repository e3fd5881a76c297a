"""Whether the event loop keeps time: lag as gauges, a stall with the stack that caused it, an end when it hangs.

A thread looks on, because a loop that stands still cannot tell. Knows nothing of media.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable

from media.stats import Counters

logger = logging.getLogger(__name__)
BEAT_S = 0.02
KEPT_BEATS = 500  # ten seconds
STALL_S = 0.25
HANG_S = 5.0  # the supervisor starts another worker within a second; clients are back in four
LOOK_S = 0.1
MAX_STACK_LINES = 12


class Watchdog:
    """``start`` within the loop that is watched; ``end`` is what happens to a process whose loop hangs."""

    def __init__(self, counters: Counters, end: Callable[[], None] | None = None) -> None:
        self._counters = counters
        self._end = end or _abort
        self._lags_us: deque[int] = deque(maxlen=KEPT_BEATS)
        self._beat_at = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._loop_thread = threading.get_ident()
        self._beat_at = time.monotonic()
        self._task = asyncio.create_task(self._beat())
        self._thread = threading.Thread(target=self._look_on, name="watchdog", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._thread is not None:
            self._thread.join()  # it wakes up at once

    def gauges(self) -> dict[str, int]:
        lags = sorted(self._lags_us)
        if not lags:
            return {"loop_lag_p99_us": 0, "loop_lag_max_us": 0}
        return {"loop_lag_p99_us": lags[int(0.99 * (len(lags) - 1))], "loop_lag_max_us": lags[-1]}

    async def _beat(self) -> None:
        due = time.monotonic() + BEAT_S
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self._lags_us.append(max(0, int((now - due) * 1_000_000)))
            self._beat_at = now
            due = now + BEAT_S

    def _look_on(self) -> None:
        """In the thread."""
        is_told = False
        looked_at = time.monotonic()
        while not self._stop.wait(LOOK_S):
            now = time.monotonic()
            if now - looked_at > STALL_S + LOOK_S:  # this thread stood still as well: the process was stopped
                self._beat_at = now
            looked_at = now
            silence = now - self._beat_at
            if silence < STALL_S:
                is_told = False
            elif not is_told:
                is_told = True
                logger.warning("the event loop stands still for %d ms:\n%s", silence * 1000, self._stack())
                self._counters["loop_stalls"] += 1
            if silence > HANG_S:
                logger.critical("the event loop hangs; the worker ends so that another can take its place")
                self._end()
                return

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame)[-MAX_STACK_LINES:]) if frame is not None else "no stack"


def _abort() -> None:
    os._exit(70)  # no handler of ours could run: they all need the loop
