"""One member's seat in a room, or a companion beside it. A seat survives reconnects and changes of device.

Knows no sockets, only an opaque name.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.protocol.models import (
    DeviceKind,
    ParticipantInfo,
    Presence,
    Publishing,
    QualityLevel,
    RoomGrants,
    RoomRole,
)
from server.rooms.grants import companion_grants, room_grants
from server.rooms.presence import Liveness


@dataclass(frozen=True, slots=True)
class Served:
    """A rung of the low-bandwidth ladder, and whether it is there because it was chosen by hand."""

    level: QualityLevel
    chosen: bool


FULL = Served(QualityLevel.FULL, chosen=False)


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
    withheld: tuple[Publishing, ...] = ()  # by the host
    quality: Served = FULL  # as the log has it
    served: Served = FULL  # as the media worker said last
    quality_cap: QualityLevel | None = None  # chosen by hand
    cap_told: bool = False  # the media worker has one of this seat
    quality_logged_ms: int | None = None  # monotonic
    companion_of: str | None = None  # a second device of that seat's member; see companions.py
    told_view: tuple[str, ...] | None = None  # of a player: the publication that the media worker was told to show

    @property
    def is_device(self) -> bool:
        """A machine without a socket."""
        return self.device in ("encoder", "player")

    def grants(self) -> RoomGrants:
        """What this one may do now."""
        if self.companion_of is not None:
            return companion_grants(self.device, self.withheld)
        return room_grants(self.role, self.withheld)

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
            quality=self.quality.level,
            withheld=self.withheld,
            companion_of=self.companion_of,
        )


def device_kind(device: str) -> DeviceKind:
    """Older logs may say more than is told apart today."""
    match device:
        case "phone" | "site":
            return device
        case _:
            return "desktop"
