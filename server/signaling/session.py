"""One Socket.IO connection of a participant: who it speaks for, and what it may send. Knows no socket."""

from __future__ import annotations

from dataclasses import dataclass

from server.rooms.participant import Participant
from server.rooms.room import Room
from server.signaling.rate import TokenBucket


@dataclass(slots=True)
class Session:
    """``epoch`` None: came with a ticket. ``seat`` is set by ``room.join``. ``gone``: the socket ended.
    ``companion``: a second device that only watches."""

    sid: str
    room: Room
    member_id: str
    device: str
    epoch: int | None
    bucket: TokenBucket
    heard_ms: int
    refused: int = 0
    seat: Participant | None = None
    gone: bool = False
    companion: bool = False

    def holds_seat(self) -> bool:
        """Another connection may have taken it, or the host taken it away."""
        return self.seat is not None and self.seat.connection == self.sid
