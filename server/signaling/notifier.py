"""Ordered delivery: each room has one queue and one task, so everybody sees its events in the order of their making.

Implements server.rooms.ports.Audience over four functions of the Socket.IO server. Calls put into a queue and return.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from server.protocol.base import RoomEvent, VolatileEvent
from server.protocol.events import RoomClosed

IDLE_S = 60.0  # a room's task ends when nothing happened for so long
FAREWELL_S = 1.0  # so that the last word and the last acknowledgement arrive before the connection ends

_logger = logging.getLogger(__name__)
_Step = Callable[[], Awaitable[None]]


class Wire(Protocol):
    """What is needed of the Socket.IO server."""

    async def emit(self, event: str, data: dict[str, Any], to: str) -> None: ...

    async def enter(self, sid: str, group: str) -> None: ...

    async def leave(self, sid: str, group: str) -> None: ...

    async def disconnect(self, sid: str) -> None: ...

    def silent_ms(self, sid: str) -> int: ...


@dataclass(slots=True)
class _Line:
    queue: asyncio.Queue[_Step] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None


class Notifier:
    """``close`` at the end."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lines: dict[str, _Line] = {}
        self._farewells: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def publish(self, meeting_id: str, event: RoomEvent | VolatileEvent) -> None:
        self._put(meeting_id, lambda: self._wire.emit(event.NAME, event.model_dump(mode="json"), _group(meeting_id)))

    def tell(self, meeting_id: str, connection: str, event: VolatileEvent) -> None:
        self._put(meeting_id, lambda: self._wire.emit(event.NAME, event.model_dump(mode="json"), connection))

    def subscribe(self, meeting_id: str, connection: str) -> None:
        self._put(meeting_id, lambda: self._wire.enter(connection, _group(meeting_id)))

    def dismiss(self, meeting_id: str, connection: str, farewell: RoomClosed | None) -> None:
        self._put(meeting_id, lambda: self._dismiss(meeting_id, connection, farewell))

    def silent_ms(self, connection: str) -> int:
        return self._wire.silent_ms(connection)

    async def _dismiss(self, meeting_id: str, connection: str, farewell: RoomClosed | None) -> None:
        await self._wire.leave(connection, _group(meeting_id))
        if farewell is not None:
            await self._wire.emit(farewell.NAME, farewell.model_dump(mode="json"), connection)
            task = asyncio.create_task(self._disconnect_soon(connection))
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    async def _disconnect_soon(self, connection: str) -> None:
        await asyncio.sleep(FAREWELL_S)
        await self._wire.disconnect(connection)

    def _put(self, meeting_id: str, step: _Step) -> None:
        if self._is_closed:
            return
        line = self._lines.setdefault(meeting_id, _Line())
        line.queue.put_nowait(step)
        if line.task is None:
            line.task = asyncio.create_task(self._run(meeting_id, line), name=f"notifier {meeting_id}")

    async def _run(self, meeting_id: str, line: _Line) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    step = await line.queue.get()
            except TimeoutError:
                if line.queue.empty():
                    del self._lines[meeting_id]
                    return
                continue
            try:
                await step()
            except Exception:
                _logger.exception("an event for room=%s was not delivered", meeting_id)

    async def close(self) -> None:
        self._is_closed = True
        tasks = [line.task for line in self._lines.values() if line.task] + list(self._farewells)
        self._lines.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _group(meeting_id: str) -> str:
    return f"room:{meeting_id}"
