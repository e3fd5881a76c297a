"""Loads ledger entries and pages of them. SQL only; what they look like to a reader is views.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, and_, false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.errors import AppError, NotFoundError
from server.protocol.base import Message
from server.protocol.codes import ErrorCode
from server.protocol.http import LedgerState
from server.protocol.models import MeetingType
from server.record.roll import MeetingContext, load_context
from server.storage.meetings import latest_recordings
from server.storage.members import member_names
from server.storage.models import (
    LedgerEntryRow,
    MakeupTask,
    Meeting,
    Organisation,
    Recording,
    Segment,
    Signature,
)

LEDGER_READERS_HERE = ("secretary", "liaison", "recorder", "host")
LEDGER_READERS_BELOW = ("inspector", "admin")


class LedgerQuery(Message):
    """``GET /api/ledger``. Filters narrow what the reader may see; ``cursor`` is the last page's ``next_cursor``."""

    organisation_id: str | None = Field(default=None, max_length=32)
    type: MeetingType | None = None
    year: int | None = Field(default=None, ge=2000, le=2999)
    state: LedgerState | None = None
    cursor: str | None = Field(default=None, pattern=r"^\d{1,15}_[0-9a-f]{32}$")
    limit: int = Field(default=50, ge=1, le=200)


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry with everything that its page and its exports show."""

    row: LedgerEntryRow
    context: MeetingContext
    signatures: tuple[Signature, ...]  # of the present version
    names: Mapping[str, str]
    tasks: Mapping[str, MakeupTask]  # by member
    recording: Recording | None
    recorded_ms: int

    @property
    def facts(self) -> dict[str, Any]:
        return self.row.facts

    @property
    def signed_roles(self) -> frozenset[str]:
        return frozenset(signature.role for signature in self.signatures)


@dataclass(frozen=True, slots=True)
class EntryLine:
    """What a row of the list needs."""

    row: LedgerEntryRow
    meeting: Meeting
    organisation: Organisation
    signed_roles: frozenset[str]


async def load_entry(session: AsyncSession, entry_id: str) -> Entry:
    """Raises NotFoundError."""
    row = await session.get(LedgerEntryRow, entry_id, populate_existing=True)
    if row is None:
        raise NotFoundError(f"no ledger entry {entry_id}")
    context = await load_context(session, row.meeting_id)
    signatures = await signatures_of(session, row)
    tasks = await session.execute(select(MakeupTask).where(MakeupTask.meeting_id == row.meeting_id))
    recording = (await latest_recordings(session, [row.meeting_id])).get(row.meeting_id)
    return Entry(
        row=row,
        context=context,
        signatures=signatures,
        names={**context.names, **await member_names(session, {signature.member_id for signature in signatures})},
        tasks={task.member_id: task for task in tasks.scalars()},
        recording=recording,
        recorded_ms=recording.duration_ms if recording else 0,
    )


async def signatures_of(session: AsyncSession, row: LedgerEntryRow) -> tuple[Signature, ...]:
    """Those that count: of the entry's present version, recorder first."""
    query = select(Signature).where(Signature.entry_id == row.id, Signature.version == row.version)
    return tuple((await session.execute(query.order_by(Signature.role.desc()))).scalars())


async def load_lines(session: AsyncSession, actor: Actor, query: LedgerQuery) -> tuple[list[EntryLine], str | None]:
    """One page, newest meeting first, of what ``actor`` may read."""
    wanted = [_readable(actor), *_filters(query)]
    found = await _lines(session, and_(*wanted), query.limit + 1)
    lines = found[: query.limit]
    more = len(found) > query.limit
    return lines, f"{lines[-1].meeting.start_ms}_{lines[-1].row.id}" if more else None


async def load_lines_to_sign(session: AsyncSession, member_id: str) -> list[EntryLine]:
    """Entries that wait for this member's signature."""
    recorder = and_(LedgerEntryRow.state == LedgerState.DRAFT, Meeting.recorder_member_id == member_id)
    host = and_(LedgerEntryRow.state == LedgerState.SIGNED_BY_RECORDER, Meeting.host_member_id == member_id)
    return await _lines(session, or_(recorder, host), 20)


async def _lines(session: AsyncSession, where: ColumnElement[bool], limit: int) -> list[EntryLine]:
    query = (
        select(LedgerEntryRow, Meeting, Organisation)
        .join(Meeting, Meeting.id == LedgerEntryRow.meeting_id)
        .join(Organisation, Organisation.id == Meeting.organisation_id)
        .where(where)
        .order_by(Meeting.start_ms.desc(), LedgerEntryRow.id.desc())
        .limit(limit)
    )
    rows = (await session.execute(query)).all()
    signed = await _signed_roles(session, [row for row, _, _ in rows])
    return [EntryLine(row, meeting, organisation, signed[row.id]) for row, meeting, organisation in rows]


async def _signed_roles(session: AsyncSession, rows: Iterable[LedgerEntryRow]) -> dict[str, frozenset[str]]:
    versions = {row.id: row.version for row in rows}
    found: dict[str, frozenset[str]] = dict.fromkeys(versions, frozenset())
    query = select(Signature.entry_id, Signature.version, Signature.role).where(Signature.entry_id.in_(versions))
    for entry_id, version, role in await session.execute(query):
        if versions[entry_id] == version:
            found[entry_id] |= {role}
    return found


def _readable(actor: Actor) -> ColumnElement[bool]:
    """The rule READ_LEDGER of rights.py as a condition; the service asks ``can`` again for every row."""
    mine = or_(Meeting.host_member_id == actor.member_id, Meeting.recorder_member_id == actor.member_id)
    here = [role.organisation_id for role in actor.roles if role.role in LEDGER_READERS_HERE]
    below = [role.path for role in actor.roles if role.role in LEDGER_READERS_BELOW]
    return or_(
        mine,
        Meeting.organisation_id.in_(here) if here else false(),
        *(Organisation.path == path for path in below),
        *(Organisation.path.startswith(path + "/", autoescape=True) for path in below),
    )


def _filters(query: LedgerQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.organisation_id is not None:
        found.append(Meeting.organisation_id == query.organisation_id)
    if query.type is not None:
        found.append(Meeting.type == query.type.value)
    if query.year is not None:
        found.append(Meeting.year == query.year)
    if query.state is not None:
        found.append(LedgerEntryRow.state == query.state.value)
    if query.cursor is not None:
        start_text, entry_id = query.cursor.split("_")
        start_ms = int(start_text)
        older = and_(Meeting.start_ms == start_ms, LedgerEntryRow.id < entry_id)
        found.append(or_(Meeting.start_ms < start_ms, older))
    return found


async def segments_of(session: AsyncSession, meeting_id: str) -> tuple[list[Recording], list[Segment]]:
    """All recordings of a meeting with all their objects."""
    recordings = await session.execute(
        select(Recording).where(Recording.meeting_id == meeting_id).order_by(Recording.id)
    )
    segments = await session.execute(
        select(Segment)
        .join(Recording, Recording.id == Segment.recording_id)
        .where(Recording.meeting_id == meeting_id)
        .order_by(Segment.recording_id, Segment.key)
    )
    return list(recordings.scalars()), list(segments.scalars())


def stale_version(given: int, present: int) -> AppError:
    """Somebody else wrote in between."""
    return AppError(
        ErrorCode.CONFLICT, f"version {given} is not the present one", fields={"present_version": str(present)}
    )


async def update_unchanged(session: AsyncSession, row: LedgerEntryRow, values: dict[str, Any]) -> None:
    """Only if nobody has changed the entry since it was read; takes the row's lock for the rest of the transaction.

    Raises AppError CONFLICT.
    """
    unchanged = and_(
        LedgerEntryRow.version == row.version,
        LedgerEntryRow.state == row.state,
        LedgerEntryRow.assembled_ms == row.assembled_ms,
    )
    query = update(LedgerEntryRow).where(LedgerEntryRow.id == row.id, unchanged).values(**values)
    result = await session.execute(query.returning(LedgerEntryRow.id), execution_options={"synchronize_session": False})
    if result.scalar_one_or_none() is None:
        raise stale_version(row.version, row.version)
