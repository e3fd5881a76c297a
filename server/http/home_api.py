"""The first page: what is on, what comes, what is owed."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.auth.rights import OFFICE_ROLES
from server.http.routing import Call, Route
from server.planning.door import OPENS_BEFORE_MS, SHUTS_AFTER_MS
from server.planning.summaries import meeting_summaries
from server.protocol.http import Home
from server.protocol.models import MeetingState
from server.storage.meetings import visible_meetings
from server.storage.models import ExpectedMember, Meeting, Organisation

UPCOMING = 20


async def home(call: Call) -> Home:
    services, actor = call.services, call.who
    now = services.clock.now_ms()
    soon = now + OPENS_BEFORE_MS
    async with services.db.session() as session:
        on = await _mine(session, actor, _is_on(now, soon))
        coming = await _mine(
            session, actor, and_(Meeting.state == MeetingState.SCHEDULED.value, Meeting.start_ms > soon)
        )
        now_rows = await meeting_summaries(session, on, actor, now)
        upcoming = await meeting_summaries(session, coming, actor, now)
    return Home(
        now=tuple(now_rows),
        upcoming=tuple(upcoming),
        makeup=tuple(await services.makeup.tasks_of(actor.member_id, now)),
        to_sign=tuple(await services.record.to_sign(actor.member_id)),
        server_ms=now,
    )


def _is_on(now: int, soon: int) -> ColumnElement[bool]:
    """Live, or less than half an hour away, or late in starting."""
    running = Meeting.state.in_([MeetingState.LIVE.value, MeetingState.INTERRUPTED.value])
    due = and_(
        Meeting.state == MeetingState.SCHEDULED.value, Meeting.start_ms <= soon, Meeting.end_ms >= now - SHUTS_AFTER_MS
    )
    return or_(running, due)


async def _mine(session: AsyncSession, actor: Actor, condition: ColumnElement[bool]) -> list[Meeting]:
    """Where I am on the roll or hold an office; what inspectors may merely see is on the list of meetings."""
    on_roll = select(ExpectedMember.meeting_id).where(ExpectedMember.member_id == actor.member_id)
    offices = {r.path for r in actor.roles if r.role in OFFICE_ROLES}
    concerned = or_(Meeting.id.in_(on_roll), Organisation.path.in_(offices))
    return await visible_meetings(session, actor, condition, concerned, newest_first=False, limit=UPCOMING)


ROUTES = (Route("GET", "/api/home", home, "session", "What is on, what comes, what is owed", answer=Home),)
