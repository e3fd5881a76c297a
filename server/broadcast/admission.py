"""Who may follow a meeting's program while it runs: who may be in its room. Asked for every single object."""

from __future__ import annotations

from typing import NamedTuple

from server.auth.actor import Actor
from server.auth.rights import Action, can
from server.errors import AppError, ForbiddenError, NotFoundError
from server.planning.summaries import recording_info
from server.protocol.codes import ErrorCode
from server.protocol.models import MeetingState, RecordingInfo
from server.rooms.room import Room
from server.services import Services
from server.storage.meetings import latest_recordings, meeting_with_target
from server.storage.models import Recording


class Admitted(NamedTuple):
    """What somebody who may follow the meeting finds."""

    state: MeetingState
    records: bool
    recording: RecordingInfo


async def admit(services: Services, actor: Actor, meeting_id: str) -> Admitted:
    """Raises AppError FORBIDDEN, REMOVED, or NOT_FOUND for who may not know of the meeting."""
    room = services.rooms.get(meeting_id)
    if room is not None and room.definition.person(actor.member_id) is not None:
        return _admit_to(room, actor)
    async with services.db.session() as session:
        meeting, target = await meeting_with_target(session, meeting_id)
        if not can(actor, Action.SEE_MEETING, target):
            raise NotFoundError("no such meeting")
        if not can(actor, Action.JOIN_MEETING, target):
            raise ForbiddenError("not on the roll of this meeting")
        recordings = await latest_recordings(session, [meeting.id])
    return Admitted(MeetingState(meeting.state), meeting.record, recording_info(recordings.get(meeting.id)))


def _admit_to(room: Room, actor: Actor) -> Admitted:
    """Without a query: every segment asks. Whoever is removed is refused from the next object on."""
    refuse_removed(room, actor)
    return Admitted(room.state, room.definition.record, room.recording)


def refuse_removed(room: Room, actor: Actor) -> None:
    """Raises AppError REMOVED."""
    seat = room.seat_of(actor.member_id)
    if seat is not None and seat.left_reason == "removed":
        raise AppError(ErrorCode.REMOVED, "the host removed this participant")


async def check_recording(services: Services, meeting_id: str, admitted: Admitted, recording_id: str) -> None:
    """The right is to this meeting's recordings only. Raises NotFoundError."""
    if recording_id == admitted.recording.recording_id:
        return
    async with services.db.session() as session:
        found = await session.get(Recording, recording_id)
    if found is None or found.meeting_id != meeting_id:
        raise NotFoundError("no such broadcast")
