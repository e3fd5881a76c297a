"""The log's table: the only queries on ``log_event`` that write. Nothing here updates or deletes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from server.errors import NotFoundError, UnstorableError
from server.meeting_log.types import LoggedEvent
from server.storage.engine import Database
from server.storage.models import LogEvent, Meeting

_REFUSED = (IntegrityError, UnstorableError)


async def head(db: Database, meeting_id: str) -> LoggedEvent | None:
    """The last event in the database. Raises NotFoundError for an unknown meeting, DatabaseAwayError."""
    query = select(LogEvent).where(LogEvent.meeting_id == meeting_id).order_by(LogEvent.seq.desc()).limit(1)
    async with db.session() as session:
        row = (await session.execute(query)).scalar_one_or_none()
        if row is None and await session.get(Meeting, meeting_id) is None:
            raise NotFoundError(f"no meeting {meeting_id}")
        return _event(row) if row else None


async def read(db: Database, meeting_id: str) -> list[LoggedEvent]:
    """All events in the database, in order. Raises DatabaseAwayError."""
    query = select(LogEvent).where(LogEvent.meeting_id == meeting_id).order_by(LogEvent.seq)
    async with db.session() as session:
        return [_event(row) for row in (await session.execute(query)).scalars()]


async def insert(db: Database, events: Sequence[LoggedEvent]) -> list[str]:
    """Adds the events that are not there yet; the meetings whose events the database refuses are returned."""
    refused: list[str] = []
    try:
        await _insert(db, events)
    except _REFUSED:
        for meeting_id in dict.fromkeys(event.meeting_id for event in events):
            try:
                await _insert(db, [event for event in events if event.meeting_id == meeting_id])
            except _REFUSED:
                refused.append(meeting_id)
    return refused


async def _insert(db: Database, events: Sequence[LoggedEvent]) -> None:
    meetings = {event.meeting_id for event in events}
    query = select(LogEvent.meeting_id, func.max(LogEvent.seq)).where(LogEvent.meeting_id.in_(meetings))
    async with db.session() as session:
        # Asked every time: after a lost connection nobody knows whether the last commit went through.
        known = {row[0]: row[1] for row in await session.execute(query.group_by(LogEvent.meeting_id))}
        session.add_all(LogEvent(**event._asdict()) for event in events if event.seq > known.get(event.meeting_id, 0))


def _event(row: LogEvent) -> LoggedEvent:
    return LoggedEvent(row.meeting_id, row.seq, row.at_ms, row.type, row.actor, row.payload, row.prev_hash, row.hash)
