"""The rooms' only queries: what a room is told when it opens, and the rows that follow from what happened in it.

Every write is idempotent, so that it may be repeated after a lost connection or a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from recordings.control import RecordingState
from server.errors import NotFoundError
from server.protocol.models import MeetingState, MeetingType, RoomRole
from server.rooms.definition import AgendaItem, MeetingDefinition, RollMember
from server.storage.engine import Database
from server.storage.models import (
    ExpectedMember,
    LedgerEntryRow,
    LogEvent,
    Meeting,
    Member,
    Organisation,
    Recording,
    Segment,
)

_FINAL = (RecordingState.FINISHED.value, RecordingState.FAILED.value)


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One stored object of a recording."""

    recording_id: str
    key: str
    index: int
    sha256: str
    bytes: int
    start_ms: int
    duration_ms: int


async def load_definition(db: Database, meeting_id: str, quorum: dict[str, int | None]) -> MeetingDefinition:
    """``quorum``: type → percent. Raises NotFoundError, DatabaseAwayError."""
    async with db.session() as session:
        meeting = await session.get(Meeting, meeting_id)
        if meeting is None:
            raise NotFoundError("no such meeting")
        organisation = await session.get_one(Organisation, meeting.organisation_id)
        host = await session.get_one(Member, meeting.host_member_id)
        lecturer = await session.get(Member, meeting.lecturer_member_id) if meeting.lecturer_member_id else None
        query = select(ExpectedMember).where(ExpectedMember.meeting_id == meeting_id).order_by(ExpectedMember.member_id)
        people = (await session.execute(query)).scalars().all()
    return MeetingDefinition(
        meeting_id=meeting_id,
        type=MeetingType(meeting.type),
        title=meeting.title,
        state=MeetingState(meeting.state),
        organisation_name=organisation.name,
        host_name=host.name,
        lecturer_name=lecturer.name if lecturer else None,
        start_ms=meeting.start_ms,
        end_ms=meeting.end_ms,
        record=meeting.record,
        quorum_percent=quorum.get(meeting.type),
        agenda=tuple(_agenda_item(item) for item in meeting.agenda),
        people=tuple(_roll_member(person) for person in people),
    )


def _agenda_item(item: dict[str, Any]) -> AgendaItem:
    return AgendaItem(item["item_id"], item["title"], item.get("planned_minutes"))


def _roll_member(person: ExpectedMember) -> RollMember:
    return RollMember(
        member_id=person.member_id,
        name=person.name,
        role=RoomRole(person.role),
        has_vote=person.has_vote,
        counted=person.counted,
        leave_reason=person.leave_reason,
    )


async def meetings_to_recover(db: Database) -> list[str]:
    """Those whose room was open, whose recording is not finished, or whose ledger entry is still to be assembled."""
    touched = select(LogEvent.meeting_id).where(LogEvent.seq == 1)
    open_states = (MeetingState.LIVE.value, MeetingState.INTERRUPTED.value)
    recordings = select(Recording.meeting_id).where(Recording.state.not_in(_FINAL))
    assembled = select(LedgerEntryRow.meeting_id)
    query = select(Meeting.id).where(
        Meeting.state.in_(open_states)
        | ((Meeting.state == MeetingState.SCHEDULED.value) & Meeting.id.in_(touched))
        | Meeting.id.in_(recordings)
        | ((Meeting.state == MeetingState.ENDED.value) & Meeting.id.not_in(assembled) & Meeting.id.in_(touched))
    )
    async with db.session() as session:
        return list((await session.execute(query)).scalars())


async def is_assembled(db: Database, meeting_id: str) -> bool:
    query = select(LedgerEntryRow.id).where(LedgerEntryRow.meeting_id == meeting_id)
    async with db.session() as session:
        return (await session.execute(query)).first() is not None


async def save_state(
    db: Database, meeting_id: str, state: MeetingState, started_ms: int | None, ended_ms: int | None
) -> None:
    values = {"state": state.value, "started_ms": started_ms, "ended_ms": ended_ms}
    async with db.session() as session:
        await session.execute(update(Meeting).where(Meeting.id == meeting_id).values(**values))


async def save_recording(
    db: Database,
    recording_id: str,
    meeting_id: str,
    created_ms: int,
    *,
    state: str,
    code: str | None = None,
    origin_ms: int | None = None,
    duration_ms: int = 0,
    gaps: list[Any] | None = None,
) -> None:
    """Makes the row or brings it up to date. A final state is never left again, and a finished recording is as long as
    the log says; while it runs it only grows."""
    async with db.session() as session:
        row = await session.get(Recording, recording_id)
        if row is None:
            row = Recording(id=recording_id, meeting_id=meeting_id, created_ms=created_ms, state=state)
            session.add(row)
        if row.state in _FINAL and state not in _FINAL:
            return
        row.state, row.code = state, code
        row.origin_ms = origin_ms if origin_ms is not None else row.origin_ms
        is_finished = state == RecordingState.FINISHED.value
        row.duration_ms = duration_ms if is_finished else max(duration_ms, row.duration_ms or 0)
        row.gaps = gaps if gaps is not None else row.gaps or []


async def save_segment(db: Database, segment: SegmentRow) -> None:
    async with db.session() as session:
        row = Segment(
            recording_id=segment.recording_id,
            key=segment.key,
            index=segment.index,
            sha256=segment.sha256,
            bytes=segment.bytes,
            start_ms=segment.start_ms,
            duration_ms=segment.duration_ms,
        )
        await session.merge(row)
