"""The demonstration organisation, really laid out: what stands in the tables, and that its lesson proves itself."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from server.app import Server
from server.auth.passwords import Passwords
from server.cli.create_admin import create_admin
from server.cli.verify import verify_meeting
from server.demo.people import MEMBER, PAST_TITLE
from server.demo.seed import PHASE, STARTS_IN_MS
from server.meeting_log.types import EVENT_TYPES
from server.services import Services
from server.settings import Settings
from server.storage.engine import Database
from server.storage.migrate import migrate
from server.storage.models import (
    ExpectedMember,
    LedgerEntryRow,
    MakeupTask,
    Meeting,
    Member,
    Membership,
    Organisation,
    Recording,
    RoleGrant,
    Segment,
)
from tests.conftest import SetClock
from tests.integration.server_http.conftest import until

pytestmark = pytest.mark.integration


async def laid_out(services: Services) -> None:
    async def complete() -> bool:
        async with services.db.session() as session:
            found = await session.execute(select(Organisation).where(Organisation.parent_id.is_(None)))
            return found.scalar_one().settings.get(PHASE) == "complete"

    await until("the demonstration", complete, 90)


async def test_what_is_laid_out(database_url: str, tmp_path: Path, clock: SetClock) -> None:
    settings = Settings(port=0, data_dir=tmp_path, database_url=database_url, worker_token="worker")
    server = Server(settings, clock)
    try:
        services = await server.start()
        logins = json.loads((tmp_path / "demo-logins.json").read_text())
        await laid_out(services)
        async with services.db.session() as session:
            kinds = Counter((await session.execute(select(Organisation.kind))).scalars())
            members = (await session.execute(select(Member))).scalars().all()
            ties = Counter((await session.execute(select(Membership.kind))).scalars())
            meetings = {m.title: m for m in (await session.execute(select(Meeting))).scalars()}
            roles = set((await session.execute(select(RoleGrant.role))).scalars())
        assert kinds == {"party_committee": 1, "branch": 3, "party_group": 2, "temporary_branch": 1}
        assert len(members) == 40
        assert ties == {"home": 40, "group": 16, "attached": 10}
        assert roles == {"member", "host", "secretary", "recorder", "inspector", "admin"}
        past = meetings.pop(PAST_TITLE)
        (soon,) = meetings.values()
        assert (soon.state, soon.start_ms, soon.type) == ("scheduled", clock.now_ms() + STARTS_IN_MS, "party_lesson")
        assert (past.ordinal, soon.ordinal) == (1, 2)
        assert past.state == "ended"
        assert past.ended_ms is not None
        assert clock.now_ms() - 48 * 3_600_000 < past.ended_ms < clock.now_ms()
        await _check_past_lesson(services, past, {member.name: member.id for member in members})
        opened = await services.sessions.login(logins[0]["account"], logins[0]["password"], address="192.0.2.1")
        assert opened.actor.name == MEMBER
        soon_roll = await _roll(services, soon.id)
        assert opened.actor.member_id in soon_roll
    finally:
        await server.stop()


async def _roll(services: Services, meeting_id: str) -> set[str]:
    async with services.db.session() as session:
        query = select(ExpectedMember.member_id).where(ExpectedMember.meeting_id == meeting_id)
        return set((await session.execute(query)).scalars())


async def _check_past_lesson(services: Services, past: Meeting, members: dict[str, str]) -> None:
    events = await services.log.read(past.id)
    assert {event.type for event in events} <= set(EVENT_TYPES)
    assert [event.at_ms for event in events if event.type == "meeting_started"] == [past.started_ms]
    await services.log.flush(past.id)
    code, said = await verify_meeting(services.db, services.store, past.id)
    assert code == 0, said
    async with services.db.session() as session:
        recording = (await session.execute(select(Recording))).scalar_one()
        segments = (await session.execute(select(Segment))).scalars().all()
        entry = (await session.execute(select(LedgerEntryRow))).scalar_one()
        owing = set((await session.execute(select(MakeupTask.member_id))).scalars())
    assert (recording.state, recording.meeting_id, entry.meeting_id) == ("finished", past.id, past.id)
    assert 30_000 <= recording.duration_ms <= 60_000
    for segment in segments:
        assert await services.store.verify(segment.key, segment.sha256)
    assert members[MEMBER] in owing
    assert (entry.expected, entry.present) == (16, 13)


async def test_what_a_crash_left_undone_is_done_at_the_next_start(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    settings = Settings(port=0, data_dir=tmp_path, database_url=database_url, worker_token="worker")
    first = Server(settings, clock)
    await first.start()
    await first.stop()  # in the middle of making the film
    logins = (tmp_path / "demo-logins.json").read_text()
    second = Server(settings, clock)
    try:
        services = await second.start()
        await laid_out(services)
        async with services.db.session() as session:
            assert len((await session.execute(select(LedgerEntryRow))).all()) == 1
            assert len((await session.execute(select(Member))).all()) == 40
        assert (tmp_path / "demo-logins.json").read_text() == logins
    finally:
        await second.stop()


async def test_an_installation_of_ones_own_is_left_alone(database_url: str, tmp_path: Path, clock: SetClock) -> None:
    db, passwords = Database(database_url), Passwords()
    await migrate(db)
    await create_admin(db, passwords, clock, "admin", "管理员", "某市委")
    await passwords.close()
    await db.close()
    server = Server(Settings(port=0, data_dir=tmp_path, database_url=database_url, worker_token="worker"), clock)
    try:
        services = await server.start()
        async with services.db.session() as session:
            assert [m.name for m in (await session.execute(select(Member))).scalars()] == ["管理员"]
        assert not (tmp_path / "demo-logins.json").exists()
    finally:
        await server.stop()
