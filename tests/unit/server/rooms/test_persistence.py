"""Rows that follow from the log: written again and again, they say what the log says."""

from __future__ import annotations

import pytest

from server.rooms.persistence import save_recording
from server.storage.engine import Database
from server.storage.models import Meeting, Recording
from tests import factories


@pytest.fixture
async def meeting_id(db: Database) -> str:
    branch = await factories.organisation(db, "第一党支部")
    host = await factories.member(db, "张三", branch)
    async with db.session() as session:
        session.add(
            Meeting(
                id="m",
                organisation_id=branch.id,
                type="party_lesson",
                title="课",
                ordinal=1,
                year=2026,
                state="live",
                start_ms=0,
                end_ms=1,
                host_member_id=host,
                recorder_member_id=host,
                agenda=[],
                record=True,
                rule_version="1",
                created_by=host,
                created_ms=0,
            )
        )
    return "m"


async def saved(db: Database, meeting_id: str, state: str, duration_ms: int) -> tuple[str, int]:
    await save_recording(db, "r", meeting_id, 0, state=state, duration_ms=duration_ms)
    async with db.session() as session:
        row = await session.get_one(Recording, "r")
        return row.state, row.duration_ms


async def test_a_finished_recording_is_as_long_as_the_log_says(db: Database, meeting_id: str) -> None:
    assert await saved(db, meeting_id, "recording", 5_000) == ("recording", 5_000)
    assert await saved(db, meeting_id, "paused", 0) == ("paused", 5_000)
    assert await saved(db, meeting_id, "finished", 4_900) == ("finished", 4_900)
    assert await saved(db, meeting_id, "recording", 6_000) == ("finished", 4_900)
