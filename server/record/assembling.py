"""Makes ledger entries out of ended meetings, with the make-up tasks of those who were not there."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from server.errors import AppError, NotFoundError
from server.ids import new_id
from server.meeting_log.chain import verify
from server.meeting_log.ports import MeetingLog
from server.meeting_log.types import LoggedEvent
from server.protocol.codes import ErrorCode
from server.protocol.http import AttendanceState, LedgerState
from server.protocol.models import MeetingState
from server.record.entries import update_unchanged
from server.record.facts import acting_members, facts
from server.record.roll import MeetingContext, load_context
from server.record.rules import DAY_MS, MakeupRule, rule_of
from server.record.verify_offline import EMPTY_MINUTES, sha256_of
from server.storage.engine import Database
from server.storage.members import member_names
from server.storage.models import LedgerEntryRow, MakeupTask, Meeting, Recording

_logger = logging.getLogger(__name__)

# Each transaction writes its rows first, then the log, and commits last: when the log refuses, nothing happened; when
# the commit fails, the log says more than the tables, and the same call made again brings them together.


async def assemble(db: Database, log: MeetingLog, meeting_id: str) -> str:
    """The entry's id; the one that is there already if there is one. Raises AppError MEETING_STATE, NOT_FOUND."""
    try:
        return await _assemble(db, log, meeting_id)
    except IntegrityError:  # somebody else assembled it in this moment; nothing of ours was logged
        return await _assemble(db, log, meeting_id)


async def _assemble(db: Database, log: MeetingLog, meeting_id: str) -> str:
    events = await log.read(meeting_id)
    async with db.session() as session:
        present = await _entry_of(session, meeting_id)
        if present is not None:
            return present.id
        context = await load_context(session, meeting_id)
        found = await _facts(session, context, events)
        if found["meeting"]["ended_ms"] is None:
            raise AppError(ErrorCode.MEETING_STATE, "the meeting has not ended")
        entry = _new_entry(context, found)
        session.add(entry)
        await session.flush()
        session.add_all(_tasks(context, found))
        await session.flush()
        await _log_assembled(log, entry, found)
    _logger.info("ledger entry assembled meeting=%s entry=%s", meeting_id, entry.id)
    return entry.id


async def assemble_missing(db: Database, log: MeetingLog) -> int:
    """After a start: entries of meetings that ended while nobody could write them. How many there were."""
    query = (
        select(Meeting.id)
        .outerjoin(LedgerEntryRow, LedgerEntryRow.meeting_id == Meeting.id)
        .where(Meeting.state == MeetingState.ENDED, LedgerEntryRow.id.is_(None))
    )
    async with db.session() as session:
        meeting_ids = (await session.execute(query)).scalars().all()
    assembled = 0
    for meeting_id in meeting_ids:
        try:
            await assemble(db, log, meeting_id)
        except AppError as error:  # one broken log must not keep the other entries away
            _logger.warning("ledger entry of meeting=%s not assembled: %s", meeting_id, error)
        else:
            assembled += 1
    return assembled


async def add_recording(db: Database, log: MeetingLog, recording_id: str) -> None:
    """The finished recording joins the facts, as long as nobody has signed them. Its hashes stand in the log anyway."""
    async with db.session() as session:
        recording = await session.get(Recording, recording_id)
    if recording is None:
        raise NotFoundError(f"no recording {recording_id}")
    while True:
        try:
            return await _add_recording(db, log, recording.meeting_id)
        except AppError as error:
            if error.code is not ErrorCode.CONFLICT:  # else somebody wrote or signed in that moment: look again
                raise


async def _add_recording(db: Database, log: MeetingLog, meeting_id: str) -> None:
    events = await log.read(meeting_id)
    async with db.session() as session:
        entry = await _entry_of(session, meeting_id)
        if entry is None or entry.state != LedgerState.DRAFT:
            return
        found = await _facts(session, await load_context(session, meeting_id), events)
        if sha256_of(found) != sha256_of(entry.facts):
            await update_unchanged(session, entry, {"facts": found})
            await _log_assembled(log, entry, found)


async def _entry_of(session: AsyncSession, meeting_id: str) -> LedgerEntryRow | None:
    query = select(LedgerEntryRow).where(LedgerEntryRow.meeting_id == meeting_id)
    return (await session.execute(query)).scalar_one_or_none()


async def _facts(session: AsyncSession, context: MeetingContext, events: list[LoggedEvent]) -> dict[str, Any]:
    broken = await asyncio.to_thread(verify, events)
    if broken is not None:
        raise AppError(ErrorCode.INTERNAL_ERROR, f"the log of meeting {context.meeting.id} is broken at {broken}")
    names = await member_names(session, acting_members(events) - context.names.keys())
    return facts(context, events, {**names, **context.names})


def _new_entry(context: MeetingContext, found: dict[str, Any]) -> LedgerEntryRow:
    return LedgerEntryRow(
        id=new_id(),
        meeting_id=context.meeting.id,
        state=LedgerState.DRAFT.value,
        version=1,
        facts=found,
        minutes=EMPTY_MINUTES,
        expected=found["counts"]["expected"],
        present=found["counts"]["present"],
        assembled_ms=0,
    )


async def _log_assembled(log: MeetingLog, entry: LedgerEntryRow, found: dict[str, Any]) -> None:
    payload = {"entry_id": entry.id, "facts_sha256": sha256_of(found)}
    event = await log.append(entry.meeting_id, "ledger_assembled", payload)
    entry.assembled_ms = event.at_ms


def _tasks(context: MeetingContext, found: dict[str, Any]) -> list[MakeupTask]:
    """Every absent or excused member of the roll makes up for what can be replayed (domain.md §2.6)."""
    rule = rule_of(MakeupRule, context.settings)
    if context.meeting.type not in rule.types or not context.meeting.record:
        return []
    owing = (AttendanceState.ABSENT, AttendanceState.LEAVE)
    return [
        MakeupTask(
            id=new_id(),
            meeting_id=context.meeting.id,
            member_id=row["member_id"],
            due_ms=found["meeting"]["ended_ms"] + rule.due_days * DAY_MS,
            credited_ms=0,
        )
        for row in found["attendance"]
        if row["state"] in owing
    ]
