"""One member's seat in a room. It survives reconnects and changes of device. Knows no sockets, only an opaque name."""

from __future__ import annotations

from dataclasses import dataclass

from server.protocol.models import ParticipantInfo, Presence, RoomRole
from server.rooms.presence import Liveness


@dataclass(slots=True)
class Participant:
    """``epoch`` grows when the seat is taken over: older resume tokens end. ``connection``: who speaks for it now."""

    participant_id: str
    member_id: str
    name: str
    role: RoomRole
    device: str
    joined_ms: int
    liveness: Liveness
    epoch: int = 1
    presence: Presence = Presence.PRESENT
    in_room: bool = True
    left_reason: str | None = None
    seen_ms: int = 0  # wall clock: last time that the log knows the seat to be held
    connection: str | None = None

    def info(self, *, signed_in: bool) -> ParticipantInfo:
        return ParticipantInfo(
            participant_id=self.participant_id,
            member_id=self.member_id,
            name=self.name,
            role=self.role,
            presence=self.presence,
            joined_ms=self.joined_ms,
            device=self.device,
            signed_in=signed_in,
        )
