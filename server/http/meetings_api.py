"""Meetings: list, schedule, look at, cancel, and the ticket that opens the room."""

from __future__ import annotations

from pydantic import Field
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.rights import Action, Target, can
from server.errors import AppError, ForbiddenError, NotFoundError
from server.http.routing import Call, Route
from server.planning.door import door_is_open
from server.planning.summaries import meeting_summaries, recording_info
from server.protocol.base import Message
from server.protocol.codes import ErrorCode
from server.protocol.http import (
    JoinTicket,
    MeetingDetail,
    MeetingInput,
    MeetingPage,
    MeetingPerson,
    TicketRequest,
    WallMs,
)
from server.protocol.models import AgendaItemInfo, MeetingState, MeetingType, RoomRole
from server.storage.meetings import latest_recordings, meeting_with_target, sign_ins, visible_meetings
from server.storage.members import member_names
from server.storage.models import ExpectedMember, LedgerEntryRow, Meeting

OPEN_STATES = (MeetingState.SCHEDULED, MeetingState.LIVE, MeetingState.INTERRUPTED)
_ROLE_ORDER = {role.value: number for number, role in enumerate(RoomRole)}


class MeetingsQuery(Message):
    organisation_id: str | None = Field(default=None, max_length=64)
    type: MeetingType | None = None
    state: MeetingState | None = None
    from_ms: WallMs | None = None
    to_ms: WallMs | None = None
    cursor: str | None = Field(default=None, pattern=r"^\d{1,15}\.[0-9a-f]{32}$")
    limit: int = Field(default=50, ge=1, le=200)

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.organisation_id is not None:
            found.append(Meeting.organisation_id == self.organisation_id)
        if self.type is not None:
            found.append(Meeting.type == self.type.value)
        if self.state is not None:
            found.append(Meeting.state == self.state.value)
        if self.from_ms is not None:
            found.append(Meeting.end_ms >= self.from_ms)
        if self.to_ms is not None:
            found.append(Meeting.start_ms < self.to_ms)
        if self.cursor is not None:
            start_ms, _, meeting_id = self.cursor.partition(".")
            same = and_(Meeting.start_ms == int(start_ms), Meeting.id < meeting_id)
            found.append(or_(Meeting.start_ms < int(start_ms), same))
        return found


async def list_meetings(call: Call) -> MeetingPage:
    query: MeetingsQuery = call.query
    async with call.services.db.session() as session:
        found = await visible_meetings(session, call.who, *query.conditions(), newest_first=True, limit=query.limit + 1)
        page = found[: query.limit]
        rows = await meeting_summaries(session, page, call.who, call.services.clock.now_ms())
    more = len(found) > query.limit
    return MeetingPage(rows=tuple(rows), next_cursor=f"{page[-1].start_ms}.{page[-1].id}" if more else None)


async def create_meeting(call: Call) -> MeetingDetail:
    wish: MeetingInput = call.body
    meeting_id = await call.services.planning.create(call.who, wish)
    await call.services.access_log.note(call.who, "meeting_scheduled", meeting_id)
    return await _detail(call, meeting_id)


async def show_meeting(call: Call) -> MeetingDetail:
    return await _detail(call, call.arg("meeting_id"))


async def cancel_meeting(call: Call) -> MeetingDetail:
    meeting_id = call.arg("meeting_id")
    async with call.services.db.session() as session:
        _, target = await _seen(session, call, meeting_id)
    if not (can(call.who, Action.SCHEDULE_MEETING, target) or can(call.who, Action.MODERATE_MEETING, target)):
        raise ForbiddenError("only who schedules here, or the host, may cancel")
    await call.services.rooms.cancel(meeting_id)
    await call.services.access_log.note(call.who, "meeting_cancelled", meeting_id)
    return await _detail(call, meeting_id)


async def issue_ticket(call: Call) -> JoinTicket:
    """Only for who is on the roll, and only while the room may be entered."""
    services, actor = call.services, call.who
    now = services.clock.now_ms()
    async with services.db.session() as session:
        meeting, target = await _seen(session, call, call.arg("meeting_id"))
        if not can(actor, Action.JOIN_MEETING, target):
            raise ForbiddenError("not on the roll of this meeting")
        row = await session.get_one(ExpectedMember, (meeting.id, actor.member_id))
    if meeting.state not in OPEN_STATES:
        raise AppError(ErrorCode.MEETING_STATE, f"the meeting is {meeting.state}", fields={"state": meeting.state})
    if not door_is_open(meeting, is_host=meeting.host_member_id == actor.member_id, now_ms=now):
        raise AppError(
            ErrorCode.MEETING_NOT_OPEN, "it is too early, or too late", fields={"start_ms": str(meeting.start_ms)}
        )
    if (room := services.rooms.get(meeting.id)) is not None:
        services.rooms.seats.admit(room, actor.member_id)  # whom the host removed hears it here, in the lobby
    wish: TicketRequest = call.body
    held_on = services.rooms.seat_held_on(meeting.id, actor.member_id)
    return services.tickets.issue(meeting.id, actor, RoomRole(row.role), wish.device, now, held_on)


async def _seen(session: AsyncSession, call: Call, meeting_id: str) -> tuple[Meeting, Target]:
    """Who may not know of a meeting hears that there is none."""
    meeting, target = await meeting_with_target(session, meeting_id)
    if not can(call.who, Action.SEE_MEETING, target):
        raise NotFoundError("no such meeting")
    return meeting, target


async def _detail(call: Call, meeting_id: str) -> MeetingDetail:
    actor, now = call.who, call.services.clock.now_ms()
    async with call.services.db.session() as session:
        meeting, target = await _seen(session, call, meeting_id)
        (summary,) = await meeting_summaries(session, [meeting], actor, now)
        signed = (await sign_ins(session, [meeting.id])).get(meeting.id, {})
        names = await member_names(session, {meeting.recorder_member_id})
        recordings = await latest_recordings(session, [meeting.id])
        roll = await session.execute(select(ExpectedMember).where(ExpectedMember.meeting_id == meeting.id))
        people = sorted(roll.scalars(), key=lambda row: (_ROLE_ORDER[row.role], row.name, row.member_id))
        entry = await session.execute(select(LedgerEntryRow.id).where(LedgerEntryRow.meeting_id == meeting.id))
        entry_id = entry.scalar_one_or_none()
    return MeetingDetail(
        summary=summary,
        place=meeting.place,
        recorder_name=names[meeting.recorder_member_id],
        agenda=tuple(AgendaItemInfo.model_validate(item) for item in meeting.agenda),
        people=tuple(
            MeetingPerson(
                member_id=row.member_id,
                name=row.name,
                role=RoomRole(row.role),
                has_vote=row.has_vote,
                signed_in_ms=signed.get(row.member_id),
                leave_reason=row.leave_reason,
            )
            for row in people
        ),
        recording=recording_info(recordings.get(meeting.id)),
        records=meeting.record,
        ledger_entry_id=entry_id if can(actor, Action.READ_LEDGER, target) else None,
        can_edit=meeting.state == MeetingState.SCHEDULED and can(actor, Action.SCHEDULE_MEETING, target),
    )


ROUTES = (
    Route(
        "GET",
        "/api/meetings",
        list_meetings,
        "session",
        "Meetings that I may know of",
        query=MeetingsQuery,
        answer=MeetingPage,
    ),
    Route(
        "POST",
        "/api/meetings",
        create_meeting,
        "session",
        "Schedule a meeting",
        body=MeetingInput,
        answer=MeetingDetail,
    ),
    Route(
        "GET",
        "/api/meetings/{meeting_id}",
        show_meeting,
        "session",
        "One meeting with its agenda and roll",
        answer=MeetingDetail,
    ),
    Route(
        "POST",
        "/api/meetings/{meeting_id}/cancel",
        cancel_meeting,
        "session",
        "Cancel a meeting that has not begun",
        answer=MeetingDetail,
    ),
    Route(
        "POST",
        "/api/meetings/{meeting_id}/ticket",
        issue_ticket,
        "session",
        "A join ticket: good for a minute, once",
        body=TicketRequest,
        answer=JoinTicket,
    ),
)
