"""Queries about meetings: which ones somebody may know of, and what is shown of them."""

from __future__ import annotations

import json

from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.auth.rights import OFFICE_ROLES, OVERSIGHT_ROLES, Target
from server.errors import NotFoundError
from server.storage.models import ExpectedMember, LogEvent, MakeupTask, Meeting, Organisation, Recording


async def meeting_with_target(session: AsyncSession, meeting_id: str) -> tuple[Meeting, Target]:
    """The meeting and what ``can`` needs to know of it. Raises NotFoundError."""
    meeting = await session.get(Meeting, meeting_id)
    if meeting is None:
        raise NotFoundError("no such meeting")
    return meeting, await meeting_target(session, meeting)


async def meeting_target(session: AsyncSession, meeting: Meeting) -> Target:
    path = await session.execute(select(Organisation.path).where(Organisation.id == meeting.organisation_id))
    expected = await session.execute(select(ExpectedMember.member_id).where(ExpectedMember.meeting_id == meeting.id))
    return Target(
        path=path.scalar_one(),
        expected=frozenset(expected.scalars()),
        host_member_id=meeting.host_member_id,
        recorder_member_id=meeting.recorder_member_id,
        lecturer_member_id=meeting.lecturer_member_id,
    )


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """The same rule as ``can(actor, SEE_MEETING, …)``, as a condition on Meeting joined with Organisation."""
    mine = select(ExpectedMember.meeting_id).where(ExpectedMember.member_id == actor.member_id)
    offices = {r.path for r in actor.roles if r.role in OFFICE_ROLES}
    overseen = {r.path for r in actor.roles if r.role in OVERSIGHT_ROLES}
    below = [Organisation.path.startswith(path + "/", autoescape=True) for path in sorted(overseen)]
    return or_(Meeting.id.in_(mine), Organisation.path.in_(offices | overseen), *below)


async def visible_meetings(
    session: AsyncSession, actor: Actor, *conditions: ColumnElement[bool], newest_first: bool, limit: int
) -> list[Meeting]:
    order = (Meeting.start_ms.desc(), Meeting.id.desc()) if newest_first else (Meeting.start_ms, Meeting.id)
    found = await session.execute(
        select(Meeting)
        .join(Organisation, Meeting.organisation_id == Organisation.id)
        .where(visible_to(actor), *conditions)
        .order_by(*order)
        .limit(limit)
    )
    return list(found.scalars())


async def roles_in(session: AsyncSession, meeting_ids: list[str], member_id: str) -> dict[str, str]:
    found = await session.execute(
        select(ExpectedMember.meeting_id, ExpectedMember.role).where(
            ExpectedMember.meeting_id.in_(meeting_ids), ExpectedMember.member_id == member_id
        )
    )
    return dict(found.all())


async def sign_ins(session: AsyncSession, meeting_ids: list[str]) -> dict[str, dict[str, int]]:
    """Meeting → member → time of the first sign-in, from the log."""
    found = await session.execute(
        select(LogEvent.meeting_id, LogEvent.at_ms, LogEvent.payload)
        .where(LogEvent.meeting_id.in_(meeting_ids), LogEvent.type == "signed_in")
        .order_by(LogEvent.meeting_id, LogEvent.seq)
    )
    times: dict[str, dict[str, int]] = {}
    for meeting_id, at_ms, payload in found:
        times.setdefault(meeting_id, {}).setdefault(json.loads(payload)["member_id"], at_ms)
    return times


async def counted_members(session: AsyncSession, meeting_ids: list[str]) -> set[tuple[str, str]]:
    """(meeting, member) of everybody who is part of 应到."""
    found = await session.execute(
        select(ExpectedMember.meeting_id, ExpectedMember.member_id).where(
            ExpectedMember.meeting_id.in_(meeting_ids), ExpectedMember.counted
        )
    )
    return set(found.all())


async def open_makeup(session: AsyncSession, meeting_ids: list[str], member_id: str) -> set[str]:
    """Meetings that the member still has to make up for."""
    found = await session.execute(
        select(MakeupTask.meeting_id).where(
            MakeupTask.meeting_id.in_(meeting_ids), MakeupTask.member_id == member_id, MakeupTask.done_ms.is_(None)
        )
    )
    return set(found.scalars())


async def latest_recordings(session: AsyncSession, meeting_ids: list[str]) -> dict[str, Recording]:
    """Meeting → its recording: a finished one if there is one, else the newest."""
    finished = case((Recording.state == "finished", 1), else_=0)
    found = await session.execute(
        select(Recording)
        .where(Recording.meeting_id.in_(meeting_ids))
        .order_by(finished, Recording.created_ms, Recording.id)
    )
    return {row.meeting_id: row for row in found.scalars()}
