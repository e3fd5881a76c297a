"""Loads what the record needs to know of a meeting: its organisation, its roll, its people's names, its recording.

SQL only; it judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.rights import Target
from server.errors import NotFoundError
from server.record.attendance import RollMember
from server.storage.members import member_names
from server.storage.models import ExpectedMember, Meeting, Organisation


@dataclass(frozen=True, slots=True)
class MeetingContext:
    """A meeting with everything around it. ``settings``: of its organisation and of those above, nearest first."""

    meeting: Meeting
    organisation: Organisation
    settings: tuple[Mapping[str, Any], ...]
    roll: tuple[RollMember, ...]
    names: Mapping[str, str]

    @property
    def target(self) -> Target:
        """For ``can``."""
        return Target(
            path=self.organisation.path,
            expected=frozenset(member.member_id for member in self.roll),
            host_member_id=self.meeting.host_member_id,
            recorder_member_id=self.meeting.recorder_member_id,
            lecturer_member_id=self.meeting.lecturer_member_id,
        )


async def load_context(session: AsyncSession, meeting_id: str) -> MeetingContext:
    """Raises NotFoundError."""
    meeting = await session.get(Meeting, meeting_id)
    if meeting is None:
        raise NotFoundError(f"no meeting {meeting_id}")
    organisation = await session.get_one(Organisation, meeting.organisation_id)
    roll = await _roll(session, meeting_id)
    wanted = {meeting.host_member_id, meeting.recorder_member_id, meeting.lecturer_member_id}
    wanted |= {member.leave_approved_by for member in roll}
    names = await member_names(session, {id_ for id_ in wanted if id_ is not None})
    return MeetingContext(
        meeting=meeting,
        organisation=organisation,
        settings=await settings_upwards(session, organisation.path),
        roll=roll,
        names=names | {member.member_id: member.name for member in roll},  # as they were called then
    )


async def _roll(session: AsyncSession, meeting_id: str) -> tuple[RollMember, ...]:
    """By group, then in the order in which the members were entered (their ids grow)."""
    query = select(ExpectedMember).where(ExpectedMember.meeting_id == meeting_id)
    rows = (await session.execute(query)).scalars().all()
    return tuple(
        RollMember(
            member_id=row.member_id,
            name=row.name,
            status=row.status,
            role=row.role,
            group=row.group_name,
            has_vote=row.has_vote,
            counted=row.counted,
            leave_reason=row.leave_reason,
            leave_approved_by=row.leave_approved_by,
        )
        for row in sorted(rows, key=lambda row: (row.group_name or "", row.member_id))
    )


async def settings_upwards(session: AsyncSession, path: str) -> tuple[Mapping[str, Any], ...]:
    """Settings of the organisation at ``path``, of its parent, and so on up to the root."""
    ids = path.split("/")
    rows = (await session.execute(select(Organisation).where(Organisation.id.in_(ids)))).scalars()
    found = {row.id: row.settings for row in rows}
    return tuple(found[id_] for id_ in reversed(ids) if id_ in found)
