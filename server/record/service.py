"""The record of a meeting: assembled from the log, completed and signed by people, read and exported.

Every call asks ``can``; HTTP knows only this class. Nothing is overwritten: minutes have versions, signatures stand
under one of them, and each change is an event of the meeting's log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.auth.rights import Action, Target, can
from server.clock import Clock
from server.errors import AppError, ForbiddenError
from server.meeting_log.chain import verify
from server.meeting_log.ports import MeetingLog
from server.meeting_log.types import LoggedEvent
from server.protocol.codes import ErrorCode
from server.protocol.http import LedgerEntry, LedgerPage, LedgerRow, LedgerState, MinutesInput, SignInput
from server.record import assembling
from server.record.entries import (
    Entry,
    LedgerQuery,
    load_entry,
    load_lines,
    load_lines_to_sign,
    stale_version,
    update_unchanged,
)
from server.record.explanations import Language
from server.record.exports.file import ExportFile, ExportSource
from server.record.minutes import checked_minutes
from server.record.proofs import load_proof
from server.record.verify_offline import content_sha256, sha256_of
from server.record.views import SignRole, ledger_entry, ledger_row, proof_of, sign_role
from server.storage.engine import Database
from server.storage.models import LedgerEntryRow, LedgerVersion, Meeting, Signature

_logger = logging.getLogger(__name__)


class StepUp(Protocol):
    """Asks for the password again (server/auth/sessions.py)."""

    async def confirm_password(self, actor: Actor, password: str) -> None: ...


class Record:
    """One per server. Holds no state of its own."""

    def __init__(self, db: Database, log: MeetingLog, clock: Clock, step_up: StepUp) -> None:
        self._db = db
        self._log = log
        self._clock = clock
        self._step_up = step_up

    # --- from the meeting ---------------------------------------------------------------------------------------------

    async def assemble(self, meeting_id: str) -> str:
        """The ledger entry of an ended meeting; called again, the same one."""
        return await assembling.assemble(self._db, self._log, meeting_id)

    async def assemble_missing(self) -> int:
        """For the start of the server: meetings that ended while the database was away."""
        return await assembling.assemble_missing(self._db, self._log)

    async def recording_finished(self, recording_id: str) -> None:
        """After ``recording_finished`` is logged and the recording's row is up to date."""
        await assembling.add_recording(self._db, self._log, recording_id)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def page(self, actor: Actor, query: LedgerQuery) -> LedgerPage:
        async with self._db.session() as session:
            lines, next_cursor = await load_lines(session, actor, query)
        rows = [
            ledger_row(line)
            for line in lines
            if can(actor, Action.READ_LEDGER, _target(line.meeting, line.organisation.path))
        ]
        return LedgerPage(rows=tuple(rows), next_cursor=next_cursor)

    async def to_sign(self, member_id: str) -> tuple[LedgerRow, ...]:
        """For the home page: what waits for this member's signature."""
        async with self._db.session() as session:
            lines = await load_lines_to_sign(session, member_id)
        return tuple(ledger_row(line) for line in lines)

    async def entry(self, entry_id: str, actor: Actor, language: Language = "zh") -> LedgerEntry:
        async with self._db.session() as session:
            entry = await self._allowed(session, entry_id, actor, Action.READ_LEDGER)
        events = await self._log.read(entry.row.meeting_id)
        broken = await asyncio.to_thread(verify, events)
        return ledger_entry(entry, proof_of(events, broken is None), actor, language)

    # --- writing ------------------------------------------------------------------------------------------------------

    async def put_minutes(self, entry_id: str, actor: Actor, given: MinutesInput) -> None:
        """A new version; signatures of the one before no longer count. Raises AppError CONFLICT, VALIDATION."""
        async with self._db.session() as session:
            entry = await self._allowed(session, entry_id, actor, Action.KEEP_RECORD)
            minutes = checked_minutes(given, entry.facts)
            if given.version != entry.row.version:
                raise stale_version(given.version, entry.row.version)
            if minutes == entry.row.minutes:
                return
            await self._write_version(session, entry.row, actor, minutes)

    async def _write_version(
        self, session: AsyncSession, row: LedgerEntryRow, actor: Actor, minutes: dict[str, Any]
    ) -> None:
        version = row.version + 1
        values = {"version": version, "minutes": minutes, "state": LedgerState.DRAFT.value}
        await update_unchanged(session, row, values)
        written = LedgerVersion(
            entry_id=row.id, version=version, minutes=minutes, by_member_id=actor.member_id, at_ms=0
        )
        session.add(written)
        await session.flush()
        payload = {"entry_id": row.id, "version": version, "minutes_sha256": sha256_of(minutes)}
        event = await self._log.append(row.meeting_id, "minutes_changed", payload, actor=actor.member_id)
        written.at_ms = event.at_ms

    async def sign(self, entry_id: str, actor: Actor, given: SignInput) -> None:
        """Recorder first, then host. Raises AppError CONFLICT, ALREADY_SIGNED, FORBIDDEN; BAD_CREDENTIALS."""
        async with self._db.session() as session:
            _due_role(await load_entry(session, entry_id), actor)
        await self._step_up.confirm_password(actor, given.password)
        async with self._db.session() as session:
            entry = await load_entry(session, entry_id)
            role = _due_role(entry, actor)
            if given.version != entry.row.version:
                raise stale_version(given.version, entry.row.version)
            await self._write_signature(session, entry.row, role, actor)
        _logger.info("ledger entry signed entry=%s role=%s version=%s", entry_id, role, given.version)

    async def _write_signature(self, session: AsyncSession, row: LedgerEntryRow, role: SignRole, actor: Actor) -> None:
        state = LedgerState.SIGNED_BY_RECORDER if role == "recorder" else LedgerState.ARCHIVED
        await update_unchanged(session, row, {"state": state.value})
        content = content_sha256(row.id, row.version, sha256_of(row.facts), sha256_of(row.minutes))
        signature = Signature(
            entry_id=row.id,
            role=role,
            version=row.version,
            member_id=actor.member_id,
            content_sha256=content,
            signed_ms=0,
        )
        session.add(signature)
        await session.flush()
        payload = {"entry_id": row.id, "role": role, "version": row.version, "content_sha256": content}
        event = await self._log.append(row.meeting_id, "signed", payload, actor=actor.member_id)
        signature.signed_ms = event.at_ms

    # --- exports ------------------------------------------------------------------------------------------------------

    async def sign_in_sheet(self, entry_id: str, actor: Actor) -> ExportFile:
        """签到表, XLSX."""
        return await self._export(entry_id, actor, _sign_in_sheet)

    async def minutes_document(self, entry_id: str, actor: Actor) -> ExportFile:
        """会议记录, DOCX."""
        return await self._export(entry_id, actor, _minutes_document)

    async def proof(self, entry_id: str, actor: Actor) -> dict[str, Any]:
        """For verify_offline.py."""
        async with self._db.session() as session:
            entry = await self._allowed(session, entry_id, actor, Action.EXPORT_LEDGER)
        events = await self._log.read(entry.row.meeting_id)
        async with self._db.session() as session:
            return await load_proof(session, entry.row.meeting_id, events)

    async def _export(self, entry_id: str, actor: Actor, make: Callable[[ExportSource], ExportFile]) -> ExportFile:
        async with self._db.session() as session:
            entry = await self._allowed(session, entry_id, actor, Action.EXPORT_LEDGER)
        events = await self._log.read(entry.row.meeting_id)
        now_ms = self._clock.now_ms()
        return await asyncio.to_thread(lambda: make(_export_source(entry, events, now_ms)))

    async def _allowed(self, session: AsyncSession, entry_id: str, actor: Actor, action: Action) -> Entry:
        entry = await load_entry(session, entry_id)
        if not can(actor, action, entry.context.target):
            raise ForbiddenError(f"{action.value} is not allowed here")
        return entry


def _target(meeting: Meeting, path: str) -> Target:
    return Target(path=path, host_member_id=meeting.host_member_id, recorder_member_id=meeting.recorder_member_id)


def _due_role(entry: Entry, actor: Actor) -> SignRole:
    """The signature that the actor may give now, or the reason why there is none."""
    role = sign_role(entry, actor.member_id)
    target = entry.context.target
    is_recorder = can(actor, Action.SIGN_AS_RECORDER, target)
    is_host = can(actor, Action.SIGN_AS_HOST, target)
    if not is_recorder and not is_host:
        raise ForbiddenError("only the recorder and the host sign")
    if role is None:
        if is_host and "recorder" not in entry.signed_roles:
            raise AppError(ErrorCode.CONFLICT, "the recorder signs first", fields={"missing": "recorder_signature"})
        raise AppError(ErrorCode.ALREADY_SIGNED)
    return role


# Imported where they are made, in their thread: the two libraries take longer than the rest of the server's start.


def _sign_in_sheet(source: ExportSource) -> ExportFile:
    from server.record.exports.sign_in_sheet import sign_in_sheet

    return sign_in_sheet(source)


def _minutes_document(source: ExportSource) -> ExportFile:
    from server.record.exports.minutes import minutes_document

    return minutes_document(source)


def _export_source(entry: Entry, events: list[LoggedEvent], now_ms: int) -> ExportSource:
    return ExportSource(
        facts=entry.facts,
        minutes=entry.row.minutes,
        version=entry.row.version,
        signatures=tuple(
            (signature.role, entry.names.get(signature.member_id, ""), signature.signed_ms)
            for signature in entry.signatures
        ),
        makeup_done={member_id: task.done_ms for member_id, task in entry.tasks.items()},
        recorded_ms=entry.recorded_ms,
        proof=proof_of(events, verify(events) is None),
        made_ms=now_ms,
    )
