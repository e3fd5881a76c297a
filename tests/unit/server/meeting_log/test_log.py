"""DurableLog over a real SQLite file, with the database taken away and given back."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import delete

from server.errors import AppError, DatabaseAwayError, NotFoundError
from server.meeting_log import rows
from server.meeting_log.chain import verify
from server.meeting_log.log import DurableLog
from server.meeting_log.types import LoggedEvent
from server.protocol.codes import ErrorCode
from server.storage.engine import Database
from server.storage.models import LogEvent, Meeting
from tests.unit.server.meeting_log.conftest import ManualClock

REMARK = {"remark_id": "r", "participant_id": "p", "member_id": "host", "text": "好"}


async def until(done: Callable[[], bool], what: str) -> None:
    """Polls for ten seconds."""
    for _ in range(1000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"still waiting: {what}")


@pytest.fixture
async def log(db: Database, tmp_path: Path, clock: ManualClock) -> AsyncIterator[DurableLog]:
    durable = DurableLog(db, tmp_path / "journal", clock)
    await durable.start()
    yield durable
    await durable.close()


class Outage:
    """The database file is moved away, so that every new connection fails."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self._file = folder / "huitang.db"
        self._aside = folder / "aside"

    async def begin(self) -> None:
        await self._db.engine.dispose()
        self._aside.mkdir()
        for part in self._file.parent.glob("huitang.db*"):
            part.rename(self._aside / part.name)
        self._file.mkdir()  # "unable to open database file"

    def end(self) -> None:
        self._file.rmdir()
        for part in self._aside.iterdir():
            part.rename(self._file.parent / part.name)


@pytest.fixture
def outage(db: Database, tmp_path: Path) -> Outage:
    return Outage(db, tmp_path)


async def test_append_links_and_reaches_the_database(log: DurableLog, db: Database, clock: ManualClock) -> None:
    first = await log.append("m1", "remark", REMARK, actor="host")
    clock.advance(7)
    second = await log.append("m1", "meeting_resumed", {})
    other = await log.append("m2", "meeting_resumed", {}, at_ms=3)
    assert (second.seq, second.prev_hash, second.at_ms) == (2, first.hash, first.at_ms + 7)
    assert (other.seq, other.at_ms) == (1, 3)
    assert await log.read("m1") == [first, second]
    await log.flush("m1")
    assert await rows.read(db, "m1") == [first, second]


async def test_concurrent_appends_make_one_chain(log: DurableLog) -> None:
    await asyncio.gather(*(log.append("m1", "remark", {**REMARK, "remark_id": str(i)}) for i in range(200)))
    events = await log.read("m1")
    assert len(events) == 200
    assert verify(events) is None


async def test_wrong_events_are_refused(log: DurableLog) -> None:
    with pytest.raises(ValueError, match="unknown log event"):
        await log.append("m1", "nonsense", {})
    with pytest.raises(ValueError, match="wants"):
        await log.append("m1", "remark", {})
    with pytest.raises(NotFoundError):
        await log.append("nowhere", "meeting_resumed", {})


async def test_database_away_costs_nothing(log: DurableLog, db: Database, outage: Outage) -> None:
    await log.append("m1", "meeting_resumed", {})
    await log.flush("m1")
    await outage.begin()
    accepted = [await log.append("m1", "remark", {**REMARK, "remark_id": str(i)}) for i in range(20)]
    with pytest.raises(DatabaseAwayError):
        await log.flush("m1")
    with pytest.raises(DatabaseAwayError):
        await log.read("m1")
    outage.end()
    await until(lambda: log.backlog == 0, "the backlog is copied")
    await log.flush("m1")
    stored = await rows.read(db, "m1")
    assert stored[1:] == accepted
    assert verify(stored) is None


async def test_unknown_meeting_while_the_database_is_away(log: DurableLog, outage: Outage) -> None:
    await outage.begin()
    with pytest.raises(DatabaseAwayError):
        await log.append("m1", "meeting_resumed", {})
    outage.end()
    assert (await log.append("m1", "meeting_resumed", {})).seq == 1


async def test_a_new_process_finds_what_the_dead_one_acknowledged(
    db: Database, tmp_path: Path, clock: ManualClock, outage: Outage
) -> None:
    dead = DurableLog(db, tmp_path / "journal", clock)
    await dead.start()
    first = await dead.append("m1", "remark", REMARK)
    await dead.flush("m1")
    await outage.begin()
    second = await dead.append("m1", "meeting_resumed", {})
    await dead.close()  # the database is away: only the journal has it
    heir = DurableLog(db, tmp_path / "journal", clock)
    await heir.start()
    third = await heir.append("m1", "meeting_resumed", {})
    outage.end()
    await until(lambda: heir.backlog == 0, "the journal is copied")
    assert await rows.read(db, "m1") == [first, second, third]
    await heir.close()


async def test_replaying_a_journal_that_was_copied_changes_nothing(
    log: DurableLog, db: Database, tmp_path: Path, clock: ManualClock
) -> None:
    events = [await log.append("m1", "meeting_resumed", {}) for _ in range(5)]
    await log.flush("m1")
    journal = tmp_path / "journal" / "log.jsonl"
    copy = tmp_path / "copy" / "log.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(journal.read_bytes())
    again = DurableLog(db, copy.parent, clock)
    await again.start()
    await again.flush("m1")
    assert await rows.read(db, "m1") == events
    assert (await again.append("m1", "meeting_resumed", {})).seq == 6
    await again.close()


async def test_full_disk_refuses_and_the_chain_goes_on(log: DurableLog, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await log.append("m1", "meeting_resumed", {})

    def full(_fd: int, _data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(AppError) as caught:
            await log.append("m1", "remark", REMARK)
    assert caught.value.code is ErrorCode.LOG_UNAVAILABLE
    second = await log.append("m1", "meeting_resumed", {})
    assert (second.seq, second.prev_hash) == (2, first.hash)
    assert await log.read("m1") == [first, second]


async def test_a_refused_meeting_does_not_hold_up_the_others(log: DurableLog, db: Database) -> None:
    await log.append("m1", "meeting_resumed", {})
    await log.flush("m1")
    async with db.session() as session:
        await session.execute(delete(LogEvent))
        await session.execute(delete(Meeting).where(Meeting.id == "m1"))
    await log.append("m1", "meeting_resumed", {})
    await log.append("m2", "meeting_resumed", {})
    await log.flush("m2")
    with pytest.raises(AppError):
        await log.flush("m1")
    assert len(await rows.read(db, "m2")) == 1
    assert log.backlog == 1


async def test_journal_is_emptied_when_it_grows(log: DurableLog, tmp_path: Path) -> None:
    text = {**REMARK, "text": "长" * 1000}
    for _ in range(3):
        await asyncio.gather(*(log.append("m1", "remark", text) for _ in range(60)))
    await log.flush("m1")
    journal = tmp_path / "journal" / "log.jsonl"
    await until(lambda: journal.stat().st_size == 0, "the journal is emptied")
    assert (await log.append("m1", "meeting_resumed", {})).seq == 181


async def test_a_fault_nobody_foresaw_does_not_end_the_copying(
    log: DurableLog, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, faults = rows.insert, [RuntimeError("a bug")]

    async def faulty(database: Database, events: Sequence[LoggedEvent]) -> list[str]:
        if faults:
            raise faults.pop()
        return await insert(database, events)

    monkeypatch.setattr(rows, "insert", faulty)
    event = await log.append("m1", "meeting_resumed", {})
    await until(lambda: log.backlog == 0, "the event is copied")
    assert await rows.read(db, "m1") == [event]
