"""What the host has pinned for everybody, and whose picture is the stage now. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.rooms.room import Room

SPEAKER_HOLD_MS = 3_000  # as the recorder's program: a cough does not take the picture


class Stage:
    """``leader``: who speaks loudest, and since when; times are monotonic milliseconds."""

    def __init__(self) -> None:
        self.pinned: str | None = None
        self.leader: str | None = None
        self.leads_since_ms = 0

    def pin(self, publication_id: str | None) -> None:
        self.pinned = publication_id

    def hear(self, leader: str | None, now_ms: int) -> None:
        """Silence keeps who led last."""
        if leader is not None and leader != self.leader:
            self.leader, self.leads_since_ms = leader, now_ms


def stage_of(room: Room, current: str | None, now_ms: int) -> str | None:
    """The publication that one who sees a single picture should see: screen > pinned > who has been speaking for three
    seconds > what he sees already > any camera. None: nobody sends a picture."""
    flowing = [info for info in room.publications.infos() if info.flowing]
    screens = [info.publication_id for info in flowing if info.source == "screen"]
    if screens:
        return screens[-1]  # the one that came last
    cameras = {info.publication_id: info.participant_id for info in flowing if info.source == "camera"}
    if room.stage.pinned in cameras:
        return room.stage.pinned
    held = now_ms - room.stage.leads_since_ms >= SPEAKER_HOLD_MS or current not in cameras
    led = next((publication_id for publication_id, who in cameras.items() if who == room.stage.leader), None)
    if led is not None and held:
        return led
    return current if current in cameras else next(iter(cameras), None)
