"""The MeetingLog: journal first, database behind it. Owns the chain heads; must not know rooms or sockets.

``append`` returns when the event is in the fsynced journal. A background task copies events into the database in
order and tries again while the database is away; what it copied is dropped from the journal. After a crash ``start``
finds the rest in the journal and copies it, once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from server.clock import Clock
from server.errors import AppError, DatabaseAwayError, NotFoundError
from server.locks import NamedLocks
from server.meeting_log import rows
from server.meeting_log.chain import link
from server.meeting_log.journal import Journal, JournalError
from server.meeting_log.types import LoggedEvent, validate
from server.protocol.codes import ErrorCode
from server.storage.engine import Database
from server.telemetry.counters import count

_BATCH = 500
_RETRY_FIRST_S = 0.1
_RETRY_MAX_S = 2.0
_CLEAR_ABOVE_BYTES = 256 * 1024
_CLOSE_S = 1.0

_logger = logging.getLogger(__name__)


class DurableLog:
    """Implements server.meeting_log.ports.MeetingLog."""

    def __init__(self, db: Database, folder: Path, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._journal = Journal(folder / "log.jsonl", self._handle_durable, self._handle_failed)
        self._heads: dict[str, LoggedEvent | None] = {}  # of everything handed to the journal
        self._durable_heads: dict[str, LoggedEvent | None] = {}
        self._loading = NamedLocks()
        self._backlog: deque[LoggedEvent] = deque()  # durable, not yet in the database
        self._stuck: dict[str, list[LoggedEvent]] = {}  # refused by the database; the journal keeps them
        self._work = asyncio.Event()
        self._progress = asyncio.Condition()
        self._away: DatabaseAwayError | None = None
        self._applier: asyncio.Task[None] | None = None

    @property
    def backlog(self) -> int:
        """Events that wait for the database."""
        return len(self._backlog) + sum(map(len, self._stuck.values()))

    async def start(self) -> None:
        """Opens the journal and begins to copy what a crash left in it."""
        for record in self._journal.open():
            event = decode(record)
            self._backlog.append(event)
            self._durable_heads[event.meeting_id] = event
        await self._compare_heads()
        self._heads = dict(self._durable_heads)
        self._work.set()
        self._applier = asyncio.create_task(self._apply_forever())

    async def _compare_heads(self) -> None:
        """A database that is ahead of this journal (it was written from another folder) has the later head."""
        for meeting_id, mine in list(self._durable_heads.items()):
            try:
                stored = await rows.head(self._db, meeting_id)
            except (DatabaseAwayError, NotFoundError):
                continue
            if stored and mine and stored.seq > mine.seq:
                self._durable_heads[meeting_id] = stored

    async def close(self) -> None:
        """Copies what it can into the database and stops; the journal keeps the rest. Idempotent."""
        if self._applier is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._drained()
            self._applier.cancel()
            await asyncio.wait([self._applier])
            self._applier = None
            self._journal.clear(lambda: self.backlog > 0)
        await self._journal.close()

    async def _drained(self) -> None:
        async with self._progress:
            await self._progress.wait_for(lambda: not self._backlog or self._away is not None)

    async def append(
        self,
        meeting_id: str,
        type_: str,
        payload: dict[str, Any],
        *,
        actor: str | None = None,
        at_ms: int | None = None,
    ) -> LoggedEvent:
        """Durable when it returns. Raises AppError(LOG_UNAVAILABLE); then nothing happened. ValueError: our own bug."""
        validate(type_, payload)
        if meeting_id not in self._heads:
            await self._load_head(meeting_id)
        stamp = self._clock.now_ms() if at_ms is None else at_ms
        event = link(self._heads[meeting_id], meeting_id, type_, payload, actor=actor, at_ms=stamp)
        self._heads[meeting_id] = event
        try:
            await self._journal.append(encode(event))
        except JournalError as error:
            _logger.warning("journal write failed meeting=%s type=%s: %s", meeting_id, type_, error)
            raise AppError(ErrorCode.LOG_UNAVAILABLE, str(error), retryable=True) from error
        return event

    async def _load_head(self, meeting_id: str) -> None:
        """Only the first append of a meeting in this process needs the database."""
        async with self._loading.of(meeting_id):
            if meeting_id not in self._heads:
                head = await rows.head(self._db, meeting_id)
                self._heads[meeting_id] = self._durable_heads[meeting_id] = head

    async def read(self, meeting_id: str) -> list[LoggedEvent]:
        """All events in order. Raises DatabaseAwayError."""
        # The backlog first: what is copied meanwhile is then seen twice, never not at all.
        waiting = [event for event in self._backlog if event.meeting_id == meeting_id]
        waiting += self._stuck.get(meeting_id, ())
        merged = {event.seq: event for event in await rows.read(self._db, meeting_id)}
        merged |= {event.seq: event for event in waiting if event.seq not in merged}
        return [merged[seq] for seq in sorted(merged)]

    async def flush(self, meeting_id: str) -> None:
        """Returns when everything of this meeting is in the database. Raises DatabaseAwayError."""
        if meeting_id in self._stuck:
            raise AppError(ErrorCode.INTERNAL_ERROR, f"the database refuses events of meeting {meeting_id}")
        async with self._progress:
            await self._progress.wait_for(lambda: self._away is not None or not self._waits(meeting_id))
            if self._waits(meeting_id):
                raise self._away or DatabaseAwayError()

    async def settle(self) -> None:
        """Returns when everything that was logged before is in the database. Raises DatabaseAwayError."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._away is not None or not self._backlog)
            if self._backlog:
                raise self._away or DatabaseAwayError()

    def _waits(self, meeting_id: str) -> bool:
        return any(event.meeting_id == meeting_id for event in self._backlog)

    def _handle_durable(self, records: Sequence[bytes]) -> None:
        for record in records:
            event = decode(record)
            self._durable_heads[event.meeting_id] = event
            self._backlog.append(event)
        self._work.set()

    def _handle_failed(self) -> None:
        """Events that never reached the disk leave the chain again."""
        self._heads = dict(self._durable_heads)

    async def _apply_forever(self) -> None:
        pause_s = _RETRY_FIRST_S
        while True:
            if not self._backlog:
                self._work.clear()
                self._clear_journal()
                await self._work.wait()
            try:
                await self._apply_batch()
            except DatabaseAwayError as error:
                await self._note(error)
            except Exception as error:  # copying must never end: whoever waits for it would wait for ever
                count("log_copies_failed")
                _logger.exception("copying the meeting log into the database failed")
                await self._note(DatabaseAwayError(str(error)))
            else:
                pause_s = _RETRY_FIRST_S
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _RETRY_MAX_S)

    def _clear_journal(self) -> None:
        if self._journal.size_bytes > _CLEAR_ABOVE_BYTES:
            self._journal.clear(lambda: self.backlog > 0)

    async def _apply_batch(self) -> None:
        batch = list(islice(self._backlog, _BATCH))
        for event in batch:
            if event.meeting_id in self._stuck:
                self._stuck[event.meeting_id].append(event)
        wanted = [event for event in batch if event.meeting_id not in self._stuck]
        if wanted:
            refused = await rows.insert(self._db, wanted)
            for meeting_id in refused:
                _logger.error("the database refuses the events of meeting=%s; they stay in the journal", meeting_id)
                self._stuck[meeting_id] = [event for event in wanted if event.meeting_id == meeting_id]
        for _ in batch:
            self._backlog.popleft()
        await self._note(None)

    async def _note(self, away: DatabaseAwayError | None) -> None:
        if (away is None) != (self._away is None):
            _logger.warning("meeting log: database %s, %d waiting", "away" if away else "back", len(self._backlog))
        async with self._progress:
            self._away = away
            self._progress.notify_all()


def encode(event: LoggedEvent) -> bytes:
    """A journal record."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def decode(record: bytes) -> LoggedEvent:
    """The inverse of ``encode``."""
    return LoggedEvent(*json.loads(record))
