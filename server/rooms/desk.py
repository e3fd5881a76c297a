"""How a room changes: into the log, onto the room, out to everybody — in this order, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from server.clock import Clock
from server.errors import AppError
from server.meeting_log.ports import MeetingLog
from server.protocol.base import RoomEvent
from server.protocol.codes import ErrorCode
from server.rooms.participant import Participant
from server.rooms.ports import Audience
from server.rooms.room import E, Room
from server.rooms.transitions import apply


@dataclass(frozen=True, slots=True)
class Desk:
    """The caller holds ``room.lock``, so that what it checked still holds when the event is in the log."""

    log: MeetingLog
    clock: Clock
    audience: Audience

    async def record(
        self,
        room: Room,
        type_: str,
        payload: dict[str, Any],
        *,
        actor: str | None = None,
        at_ms: int | None = None,
    ) -> list[RoomEvent]:
        """Raises AppError(LOG_UNAVAILABLE); then nothing happened."""
        event = await self.log.append(room.meeting_id, type_, payload, actor=actor, at_ms=at_ms)
        changes = apply(room, event)
        for change in changes:
            self.audience.publish(room.meeting_id, change)
        return changes

    def show(self, room: Room, kind: type[E], **fields: Any) -> None:
        """A numbered event about something that is not kept in the log."""
        self.audience.publish(room.meeting_id, room.emit(kind, self.clock.now_ms(), **fields))


@asynccontextmanager
async def acting(room: Room, who: Participant) -> AsyncIterator[None]:
    """The room's lock, for somebody who is still in the room when it is had: he may have left, or been removed, while
    his command waited. Raises AppError NOT_JOINED."""
    async with room.lock:
        if not who.in_room:
            raise AppError(ErrorCode.NOT_JOINED, "the seat was given up")
        yield
