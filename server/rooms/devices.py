"""Encoders (WHIP) and players (WHEP) in a room: machines that speak SDP over HTTP and have no socket to us.

How the HTTP side uses it::

    room = await rooms.enter(meeting_id)                            # AppError ROOM_CLOSED, NOT_FOUND, MEETING_NOT_OPEN
    device = await rooms.devices.join_device(room, member_id, "encoder", "礼堂摄像机")
    try:
        answer = await rooms.devices.offer(room, device, sdp)       # AppError BAD_SDP, NO_USABLE_MEDIA, …
    except AppError:
        await rooms.devices.leave_device(room, device.participant_id)
        raise
    ...                                                             # device.participant_id names the HTTP resource
    await rooms.devices.leave_device(room, device.participant_id)   # DELETE; also when it is gone already

A device leaves by itself 15 s after its media ended, with the meeting's end, and when its member is removed. It
survives a restart of the server: ``find`` gives it back.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Literal

from media.control import TransportAnswer, WantedPicture
from server.errors import AppError, NotFoundError
from server.protocol.codes import ErrorCode
from server.protocol.models import RoomRole
from server.rooms.companions import Companions, Guise
from server.rooms.conduct import clean_text
from server.rooms.desk import Desk
from server.rooms.grants import ENCODER_SOURCES
from server.rooms.media_link import MediaLink
from server.rooms.participant import Participant
from server.rooms.room import Room
from server.rooms.seats import Seats
from server.rooms.stage import stage_of

DeviceRole = Literal["encoder", "player"]
MAX_PER_MEMBER = 4
MAX_NAME_CHARS = 64

_logger = logging.getLogger(__name__)


class Devices:
    """Each is a companion of the member whose token it carries: not counted, on no roll. Calls to the media plane are
    made without the room's lock."""

    def __init__(self, desk: Desk, companions: Companions, seats: Seats, media: MediaLink) -> None:
        self._desk = desk
        self._companions = companions
        self._seats = seats
        self._media = media

    async def join_device(self, room: Room, member_id: str, kind: DeviceRole, device_name: str = "") -> Participant:
        """Into the room, before its offer. An encoder's sound and camera are announced at once.

        Raises AppError ROOM_CLOSED, FORBIDDEN, REMOVED (rights as they are now), ROOM_FULL, LOG_UNAVAILABLE.
        """
        async with room.lock:
            person = self._seats.admit(room, member_id)
            if kind == "encoder" and person.role is RoomRole.OBSERVER:
                raise AppError(ErrorCode.FORBIDDEN, "who may not publish has no encoder")
            if sum(device.is_device for device in room.companions_of(member_id)) >= MAX_PER_MEMBER:
                raise AppError(ErrorCode.ROOM_FULL, f"at most {MAX_PER_MEMBER} devices of one member")
            name = clean_text(device_name)[:MAX_NAME_CHARS]
            device = await self._companions.enter(room, member_id, Guise(kind, name))
            if kind == "encoder":
                for source in ENCODER_SOURCES:
                    payload = {"participant_id": device.participant_id, "source": source, "muted": False}
                    await self._desk.record(room, "publication_started", payload, actor=member_id)
            return device

    async def offer(self, room: Room, device: Participant, sdp: str) -> TransportAnswer:
        """Its one connection; again for an ICE restart. A player sees the stage from here on."""
        answer = await self._media.offer(room, device, sdp)
        if device.device == "player":
            device.told_view = None
            await self._follow(room, device)
        return answer

    def find(self, room: Room, participant_id: str) -> Participant:
        """Raises NotFoundError: it is gone, or was never there."""
        device = room.companions.get(participant_id)
        if device is None or not device.is_device:
            raise NotFoundError("no such device in the room")
        return device

    async def leave_device(self, room: Room, participant_id: str) -> None:
        """Gone already: nothing happens. Raises AppError LOG_UNAVAILABLE."""
        device = room.companions.get(participant_id)
        if device is not None and device.is_device:
            await self._companions.end(room, device, "left")

    async def sweep(self, room: Room) -> None:
        """Every second: players follow the stage."""
        for device in list(room.companions.values()):
            if device.device == "player":
                await self._follow(room, device)

    def forget_views(self, room: Room, participant_ids: tuple[str, ...] | None) -> None:
        """Another media worker has these (None: everybody): it knows of no view."""
        for device in room.companions.values():
            if participant_ids is None or device.participant_id in participant_ids:
                device.told_view = None

    async def _follow(self, room: Room, player: Participant) -> None:
        current = next(iter(player.told_view or ()), None)
        wanted = stage_of(room, current, self._desk.clock.monotonic_ms())
        view = (wanted,) if wanted else ()
        if view == player.told_view:
            return
        with suppress(AppError):  # it has not offered yet, or the worker is away: at the next sweep
            await self._media.set_view(room, player, tuple(WantedPicture(publication_id=one) for one in view))
            player.told_view = view
