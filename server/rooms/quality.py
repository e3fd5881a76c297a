"""How well each participant is served: the rung of the low-bandwidth ladder, by hand and by the media worker.

The log keeps every change of the rung, so that it can be said later who could only listen and for how long.
"""

from __future__ import annotations

import logging

from media.control import QualityChanged
from server.auth.rate import RateLimit
from server.errors import AppError
from server.protocol.events import ParticipantChanged
from server.protocol.models import QualityLevel
from server.rooms.desk import Desk, acting
from server.rooms.participant import Participant, Served
from server.rooms.ports import MediaPlane
from server.rooms.room import Room

# Of one participant: a ladder that trembles must not fill the log. What is held back is said at the next sweep.
LOGGED_EVERY_MS = 1_000
# Of a room: everybody hears of everybody's rung, so a whole lecture that moves at once would be its square in messages.
ROOM_PER_S, ROOM_BURST = 20, 60

_logger = logging.getLogger(__name__)


class Quality:
    """Calls to the plane are made without the room's lock."""

    def __init__(self, desk: Desk, plane: MediaPlane) -> None:
        self._desk = desk
        self._plane = plane
        self._room_limit = RateLimit(ROOM_PER_S, ROOM_BURST)

    async def choose(self, room: Room, who: Participant, level: QualityLevel | None) -> None:
        """Raises AppError NOT_JOINED, LOG_UNAVAILABLE, MEDIA_UNAVAILABLE."""
        async with acting(room, who):
            if who.companion_of is not None:
                who.quality_cap = level
            elif who.quality_cap is not level:
                payload = {"participant_id": who.participant_id, "level": level.value if level else None}
                await self._desk.record(room, "quality_chosen", payload, actor=who.member_id)
        who.cap_told = True
        await self._plane.set_quality(room.meeting_id, who.participant_id, level)

    async def handle_changed(self, room: Room, event: QualityChanged) -> None:
        async with room.lock:
            seat = room.participants.get(event.participant_id)
            if seat is not None:
                seat.served = Served(event.level, event.chosen)
                await self._settle(room, seat)
            elif companion := room.companions.get(event.participant_id):  # counts for nothing, so it is only shown
                companion.quality = companion.served = Served(event.level, event.chosen)
                self._desk.show(room, ParticipantChanged, participant=room.info_of(companion))

    async def sweep(self, room: Room) -> None:
        """What was held back, or could not be written."""
        if all(seat.served == seat.quality for seat in room.present()):
            return
        async with room.lock:
            for seat in room.present():
                await self._settle(room, seat)

    def forget(self, room: Room, participant_ids: tuple[str, ...] | None) -> None:
        """Another media worker begins anew with these; None: with everybody."""
        for seat in room.participants.values():
            if participant_ids is None or seat.participant_id in participant_ids:
                seat.served = Served(seat.quality_cap or QualityLevel.FULL, chosen=seat.quality_cap is not None)

    async def _settle(self, room: Room, seat: Participant) -> None:
        now = self._desk.clock.monotonic_ms()
        too_soon = seat.quality_logged_ms is not None and now - seat.quality_logged_ms < LOGGED_EVERY_MS
        if not seat.in_room or seat.served == seat.quality or too_soon:
            return
        if not self._room_limit.allow(room.meeting_id, now):
            return
        payload = {
            "participant_id": seat.participant_id,
            "level": seat.served.level.value,
            "chosen": seat.served.chosen,
        }
        try:
            await self._desk.record(room, "quality_changed", payload)
            seat.quality_logged_ms = now
        except AppError as error:
            _logger.warning("quality of participant=%s not logged: %s", seat.participant_id, error)
