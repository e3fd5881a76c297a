"""What a handler gets: the parsed command, who sent it, and the rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from server.auth.turn import TurnServers
from server.clock import Clock
from server.protocol.base import Message
from server.rooms.participant import Participant
from server.rooms.registry import RoomRegistry
from server.rooms.room import Room
from server.signaling.resume import ResumeTokens
from server.signaling.session import Session


@dataclass(frozen=True, slots=True)
class Call:
    """``command`` is an instance of the type under which the handler stands in the table."""

    session: Session
    command: Any
    rooms: RoomRegistry
    tokens: ResumeTokens
    clock: Clock
    turn: TurnServers

    @property
    def room(self) -> Room:
        return self.session.room

    @property
    def who(self) -> Participant:
        """Dispatch lets only ``room.join`` through without a seat."""
        if self.session.seat is None:
            raise RuntimeError("no seat before room.join")
        return self.session.seat


Handler = Callable[[Call], Awaitable[Message | None]]
