"""Meetings as cards show them, with the one thing that the card's button does."""

from __future__ import annotations

from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.planning.door import door_is_open
from server.protocol.http import MeetingSummary
from server.protocol.models import MeetingState, MeetingType, RecordingInfo, RoomRole
from server.storage.meetings import counted_members, latest_recordings, open_makeup, roles_in, sign_ins
from server.storage.members import member_names
from server.storage.models import Meeting, Recording
from server.storage.organisations import organisation_ref, organisations_by_id

Primary = Literal["enter", "wait", "make_up", "replay", "view"]
NO_RECORDING = RecordingInfo(recording_id=None, state="off")


async def meeting_summaries(
    session: AsyncSession, meetings: list[Meeting], actor: Actor, now_ms: int
) -> list[MeetingSummary]:
    """In the order given; a fixed number of queries however many there are."""
    if not meetings:
        return []
    ids = [meeting.id for meeting in meetings]
    organisations = await organisations_by_id(session, {m.organisation_id for m in meetings})
    people = {m.host_member_id for m in meetings} | {m.lecturer_member_id for m in meetings if m.lecturer_member_id}
    names = await member_names(session, people)
    counted = await counted_members(session, ids)
    signed = await sign_ins(session, ids)
    roles = await roles_in(session, ids, actor.member_id)
    tasks = await open_makeup(session, ids, actor.member_id)
    recordings = await latest_recordings(session, ids)
    return [
        MeetingSummary(
            meeting_id=meeting.id,
            title=meeting.title,
            type=MeetingType(meeting.type),
            state=MeetingState(meeting.state),
            organisation=organisation_ref(organisations[meeting.organisation_id]),
            ordinal=meeting.ordinal,
            start_ms=meeting.start_ms,
            end_ms=meeting.end_ms,
            host_name=names[meeting.host_member_id],
            lecturer_name=names.get(meeting.lecturer_member_id or ""),
            expected=sum(1 for meeting_id, _ in counted if meeting_id == meeting.id),
            signed_in=sum(1 for member_id in signed.get(meeting.id, {}) if (meeting.id, member_id) in counted),
            my_role=RoomRole(roles[meeting.id]) if meeting.id in roles else None,
            primary=primary(
                meeting,
                expected=meeting.id in roles,
                owes_makeup=meeting.id in tasks,
                recording=recordings.get(meeting.id),
                is_host=meeting.host_member_id == actor.member_id,
                now_ms=now_ms,
            ),
        )
        for meeting in meetings
    ]


def primary(
    meeting: Meeting, *, expected: bool, owes_makeup: bool, recording: Recording | None, is_host: bool, now_ms: int
) -> Primary:
    """What the button does now."""
    if meeting.state in (MeetingState.SCHEDULED, MeetingState.LIVE, MeetingState.INTERRUPTED):
        if not expected:
            return "view"
        return "enter" if door_is_open(meeting, is_host=is_host, now_ms=now_ms) else "wait"
    if meeting.state == MeetingState.ENDED and recording is not None and recording.duration_ms > 0:
        return "make_up" if owes_makeup else "replay"
    return "view"


def recording_info(row: Recording | None) -> RecordingInfo:
    if row is None:
        return NO_RECORDING
    return RecordingInfo(recording_id=row.id, state=row.state, since_ms=row.origin_ms, code=row.code)
