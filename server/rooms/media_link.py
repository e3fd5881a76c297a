"""What the media workers say about a room, and what participants ask of media. Knows the plane, no worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from media.control import (
    SOURCES,
    ParticipantMedia,
    SlotInfo,
    Source,
    TransportAnswer,
    TransportState,
    WantedPicture,
)
from media.control import SlotsChanged as WorkerSlotsChanged
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.events import MediaMoved, ParticipantChanged, PublicationChanged, SlotsChanged, SpeakersChanged
from server.rooms.desk import Desk
from server.rooms.grants import media_grants, publishing
from server.rooms.participant import Participant
from server.rooms.ports import MediaPlane
from server.rooms.publications import publication_id_of
from server.rooms.room import Room
from server.rooms.seats import Seats

_logger = logging.getLogger(__name__)


class MediaLink:
    """Calls to the plane are made without the room's lock: a slow worker holds up nobody else."""

    def __init__(self, desk: Desk, seats: Seats, plane: MediaPlane) -> None:
        self._desk = desk
        self._seats = seats
        self._plane = plane

    async def offer(self, room: Room, who: Participant, sdp: str) -> TransportAnswer:
        """Raises AppError BAD_SDP, NO_USABLE_MEDIA, ROOM_FULL, MEDIA_UNAVAILABLE, NOT_JOINED."""
        grants = who.grants()
        answer = await self._plane.offer(room.meeting_id, who.participant_id, sdp, media_grants(grants))
        if not who.in_room:  # removed, or gone, while the worker answered: closing came before there was anything
            with suppress(AppError):
                await self.close_transport(room, who.participant_id)
            raise AppError(ErrorCode.NOT_JOINED, "the seat was given up")
        if who.grants() != grants:  # changed while the worker answered, and it heard of the change first
            await self.enforce_grants(room, who)
        if who.quality_cap is not None or who.cap_told:
            await self._plane.set_quality(room.meeting_id, who.participant_id, who.quality_cap)
            who.cap_told = who.quality_cap is not None
        return answer

    async def enforce_grants(self, room: Room, who: Participant) -> None:
        """From the next packet on. A worker that does not take it loses the whole transport."""
        try:
            await self._plane.set_grants(room.meeting_id, who.participant_id, media_grants(who.grants()))
        except AppError:
            with suppress(AppError):
                await self.close_transport(room, who.participant_id)
        for source in SOURCES:
            if publishing(source) in who.withheld:
                await self.withdraw(room, who, source)

    async def set_view(self, room: Room, who: Participant, pictures: tuple[WantedPicture, ...]) -> tuple[SlotInfo, ...]:
        return await self._plane.set_view(room.meeting_id, who.participant_id, pictures)

    async def withdraw(self, room: Room, who: Participant, source: Source) -> None:
        """The recorder need not wait for the source's silence."""
        with suppress(AppError):  # the worker notices by itself, only later
            await self._plane.end_publication(room.meeting_id, publication_id_of(who.participant_id, source))

    async def close_transport(self, room: Room, participant_id: str) -> None:
        """Somebody left: nothing of him is forwarded any more."""
        await self._plane.close_transport(room.meeting_id, participant_id)

    async def handle_transport(self, room: Room, participant_id: str, state: TransportState) -> None:
        async with room.lock:
            seat = room.participants.get(participant_id) or room.companions.get(participant_id)
            if seat is not None:
                seat.liveness.handle_media(state, self._desk.clock.monotonic_ms())
                await self._settle_presence(room, seat)

    async def _settle_presence(self, room: Room, who: Participant) -> None:
        """How well a second device is, is shown only: it counts for nothing, and the log does not follow it."""
        if who.companion_of is None:
            await self._seats.settle_presence(room, who)
            return
        presence = who.liveness.presence(without_socket=who.is_device)
        if who.in_room and who.presence is not presence:
            who.presence = presence
            self._desk.show(room, ParticipantChanged, participant=room.info_of(who))

    def handle_slots(self, room: Room, event: WorkerSlotsChanged) -> None:
        seat = room.anybody(event.participant_id)
        if seat is not None and seat.connection is not None:
            self._desk.audience.tell(room.meeting_id, seat.connection, SlotsChanged(slots=event.slots))

    def handle_flow(self, room: Room, publication_id: str, flowing: bool) -> None:
        changed = room.publications.set_flowing(publication_id, flowing)
        if changed is not None:
            self._desk.show(room, PublicationChanged, publication=changed)

    def handle_speakers(self, room: Room, participant_ids: tuple[str, ...]) -> None:
        room.speakers = tuple(speaker for speaker in participant_ids if room.anybody(speaker))
        room.stage.hear(next(iter(room.speakers), None), self._desk.clock.monotonic_ms())
        self._desk.audience.publish(room.meeting_id, SpeakersChanged(participant_ids=room.speakers))

    async def handle_adopted(
        self, room: Room, participants: tuple[ParticipantMedia, ...], is_elsewhere: Callable[[str], bool]
    ) -> None:
        """A worker came (back) with this room running: its word replaces what we thought of all that no other worker
        carries. What was taken from somebody while it did not hear us is taken now."""
        for participant in participants:
            seat = room.anybody(participant.participant_id)
            if seat is None:
                with suppress(AppError):
                    await self.close_transport(room, participant.participant_id)
            elif seat.withheld:
                await self.enforce_grants(room, seat)
            await self.handle_transport(room, participant.participant_id, participant.state)
        carried = {
            publication_id_of(participant.participant_id, source)
            for participant in participants
            for source in participant.sources
        }
        here = {info.publication_id for info in room.publications.infos() if not is_elsewhere(info.participant_id)}
        for publication_id in carried | here:
            self.handle_flow(room, publication_id, publication_id in carried)

    async def handle_moved(self, room: Room, participant_ids: tuple[str, ...] | None) -> None:
        """Their worker is gone, another one has the room: these (None: everybody) make a new connection."""
        _logger.info("media of room=%s moved: %s", room.meeting_id, len(participant_ids or ()) or "all")
        seats = [
            seat
            for seat in (*room.participants.values(), *room.companions.values())
            if participant_ids is None or seat.participant_id in participant_ids
        ]
        async with room.lock:
            for seat in seats:
                seat.liveness.handle_media(TransportState.NEW, self._desk.clock.monotonic_ms())
                await self._settle_presence(room, seat)
        for changed in room.publications.forget_flow(participant_ids):
            self._desk.show(room, PublicationChanged, publication=changed)
        if participant_ids is None:
            self.handle_speakers(room, ())
            self._desk.audience.publish(room.meeting_id, MediaMoved())
            return
        for seat in seats:
            if seat.connection is not None:
                self._desk.audience.tell(room.meeting_id, seat.connection, MediaMoved())
