"""The whole room as a client sees it that joins or lost track. Pure."""

from __future__ import annotations

from server.protocol.models import RoomMeeting, RoomSnapshot
from server.rooms.room import Room


def snapshot(room: Room, server_ms: int) -> RoomSnapshot:
    return RoomSnapshot(
        revision=room.revisions.current,
        server_ms=server_ms,
        meeting=_meeting(room),
        participants=tuple(room.info_of(who) for who in (*room.present(), *room.companions.values())),
        publications=room.publications.infos(),
        hands=room.hands.infos(),
        floor=room.floor.info(),
        remarks=room.remarks.last(),
        agenda=room.agenda.info(),
        pinned_publication_id=room.stage.pinned,
        roll=room.roll.info(),
        recording=room.recording,
        speakers=room.speakers,
    )


def _meeting(room: Room) -> RoomMeeting:
    definition = room.definition
    return RoomMeeting(
        meeting_id=definition.meeting_id,
        title=definition.title,
        type=definition.type,
        state=room.state,
        organisation_name=definition.organisation_name,
        host_name=definition.host_name,
        lecturer_name=definition.lecturer_name,
        scheduled_start_ms=definition.start_ms,
        scheduled_end_ms=definition.end_ms,
        started_ms=room.started_ms,
        ended_ms=room.ended_ms,
        quorum_percent=definition.quorum_percent,
    )
