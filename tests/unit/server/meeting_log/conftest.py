"""A real database file with one meeting in it, and a clock that only moves when told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server.storage.engine import Database
from server.storage.models import Base, Meeting, Member, Organisation

MEETINGS = ("m1", "m2")


@dataclass
class ManualClock:
    """Starts at a round time; ``advance`` moves both clocks."""

    now: int = 1_800_000_000_000
    monotonic: int = field(default=5_000)

    def now_ms(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.monotonic

    def advance(self, ms: int) -> None:
        self.now += ms
        self.monotonic += ms


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    (tmp_path / "huitang.db").touch()
    # mode=rw: a database that a test has moved away is away, not made anew.
    database = Database(f"sqlite+aiosqlite:///file:{tmp_path / 'huitang.db'}?mode=rw&uri=true")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with database.session() as session:
        session.add(Organisation(id="o", path="o", kind="branch", name="支部", short_name="支部", settings={}))
        session.add(Member(id="host", name="张三", status="full"))
        await session.flush()
        session.add_all(_meeting(meeting_id) for meeting_id in MEETINGS)
    yield database
    await database.close()


def _meeting(meeting_id: str) -> Meeting:
    return Meeting(
        id=meeting_id,
        organisation_id="o",
        type="party_lesson",
        title="课",
        ordinal=1,
        year=2026,
        state="live",
        start_ms=0,
        end_ms=1,
        host_member_id="host",
        recorder_member_id="host",
        agenda=[],
        record=True,
        rule_version="1",
        created_by="host",
        created_ms=0,
    )
