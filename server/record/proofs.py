"""Builds the proof of a meeting: the log and everything that must agree with it, for verify_offline.py to judge."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.meeting_log.types import LoggedEvent
from server.record.entries import segments_of
from server.record.verify_offline import FORMAT
from server.storage.models import (
    ExpectedMember,
    LedgerEntryRow,
    LedgerVersion,
    MakeupTask,
    Recording,
    Segment,
    Signature,
)


async def load_proof(session: AsyncSession, meeting_id: str, events: list[LoggedEvent]) -> dict[str, Any]:
    """JSON-ready. Names stand in it (the facts hold them): whoever may export the record may have it."""
    recordings, segments = await segments_of(session, meeting_id)
    query = select(LedgerEntryRow).where(LedgerEntryRow.meeting_id == meeting_id)
    entry = (await session.execute(query)).scalar_one_or_none()
    tasks = await session.execute(select(MakeupTask).where(MakeupTask.meeting_id == meeting_id).order_by(MakeupTask.id))
    roll = await session.execute(
        select(ExpectedMember.member_id, ExpectedMember.has_vote)
        .where(ExpectedMember.meeting_id == meeting_id, ExpectedMember.counted)
        .order_by(ExpectedMember.member_id)
    )
    return {
        "format": FORMAT,
        "meeting_id": meeting_id,
        "events": [event._asdict() for event in events],
        "roll": [[member_id, has_vote] for member_id, has_vote in roll],
        "ledger": await _ledger(session, entry) if entry else None,
        "recordings": [_recording(recording) for recording in recordings],
        "segments": [_segment(segment) for segment in segments],
        "makeup": [
            {"task_id": task.id, "member_id": task.member_id, "done_ms": task.done_ms, "decision": task.decision}
            for task in tasks.scalars()
        ],
    }


async def _ledger(session: AsyncSession, entry: LedgerEntryRow) -> dict[str, Any]:
    versions = await session.execute(
        select(LedgerVersion).where(LedgerVersion.entry_id == entry.id).order_by(LedgerVersion.version)
    )
    signatures = await session.execute(
        select(Signature).where(Signature.entry_id == entry.id).order_by(Signature.version, Signature.role)
    )
    return {
        "entry_id": entry.id,
        "state": entry.state,
        "version": entry.version,
        "expected": entry.expected,
        "present": entry.present,
        "assembled_ms": entry.assembled_ms,
        "facts": entry.facts,
        "minutes": entry.minutes,
        "versions": [
            {"version": row.version, "minutes": row.minutes, "by_member_id": row.by_member_id, "at_ms": row.at_ms}
            for row in versions.scalars()
        ],
        "signatures": [
            {
                "role": row.role,
                "version": row.version,
                "member_id": row.member_id,
                "content_sha256": row.content_sha256,
                "signed_ms": row.signed_ms,
            }
            for row in signatures.scalars()
        ],
    }


def _recording(row: Recording) -> dict[str, Any]:
    return {
        "recording_id": row.id,
        "state": row.state,
        "origin_ms": row.origin_ms,
        "duration_ms": row.duration_ms,
        "gaps": row.gaps,
    }


def _segment(row: Segment) -> dict[str, Any]:
    names = ("recording_id", "index", "key", "sha256", "bytes", "start_ms", "duration_ms")
    return {name: getattr(row, name) for name in names}
