"""Work on the database that nobody waits for: in order, again while the database or the log is away. Owns one task."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from server.errors import AppError
from server.telemetry.counters import count

_RETRY_FIRST_S = 0.1
_RETRY_MAX_S = 2.0

_logger = logging.getLogger(__name__)


class DeferredWork:
    """What a crash cuts off is derived from the log again at the next start, so nothing is kept on disk here."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Callable[[], Awaitable[object]]]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def put(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """``name`` is for the log. The work must be idempotent."""
        self._waiting.append((name, work))
        self._idle.clear()
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def drained(self) -> None:
        """Returns when nothing waits."""
        await self._idle.wait()

    async def close(self, within_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.drained()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        pause_s = _RETRY_FIRST_S
        while True:
            while not self._waiting:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            name, work = self._waiting[0]
            try:
                await work()
            except Exception as error:
                if isinstance(error, AppError) and error.retryable:  # the database or the log is away
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, _RETRY_MAX_S)
                    continue
                count("deferred_work_failed")
                _logger.exception("deferred work failed: %s", name)
            pause_s = _RETRY_FIRST_S
            self._waiting.popleft()
