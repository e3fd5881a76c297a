"""A lesson that was really held, as far as the record can tell: real database, real log, real object store."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from recordings.stores.local import LocalStore
from server.auth.actor import Actor
from server.auth.passwords import Passwords
from server.auth.sessions import Sessions
from server.auth.throttle import Throttle
from server.ids import new_id
from server.makeup.prompts import SecretDice
from server.makeup.service import Makeup
from server.meeting_log.log import DurableLog
from server.record.service import Record
from server.storage.engine import Database
from server.storage.migrate import migrate
from server.storage.models import ExpectedMember, Meeting, Recording, Segment
from tests import factories
from tests.conftest import SetClock
from tests.servers.postgres import Postgres

PASSWORD = "correct horse"
MINUTE_MS = 60_000
LESSON_MS = 60_000
SEGMENT_MS = 20_000


class EarlyDice(SecretDice):
    """Prompts come at the earliest moment."""

    def between(self, low: int, high: int) -> int:
        return min(low, high)


@dataclass
class Lesson:
    """Everything that a test of the record needs to ask."""

    db: Database
    clock: SetClock
    log: DurableLog
    store: LocalStore
    passwords: Passwords
    sessions: Sessions
    record: Record
    makeup: Makeup
    branch: factories.Place = field(default_factory=lambda: factories.Place("", ""))
    actors: dict[str, Actor] = field(default_factory=dict)
    meeting_id: str = ""
    recording_id: str = ""
    agenda: list[dict[str, Any]] = field(default_factory=list)
    start_ms: int = 0

    def member_id(self, name: str) -> str:
        return self.actors[name].member_id

    async def event(self, at_ms: int, type_: str, actor: str | None = None, **payload: Any) -> None:
        """``at_ms`` after the start."""
        who = self.member_id(actor) if actor else None
        await self.log.append(self.meeting_id, type_, payload, actor=who, at_ms=self.start_ms + at_ms)


ROLES: dict[str, str] = {"host": "host", "recorder": "recorder", "here": "member", "late": "member", "away": "member"}


on_both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """SQLite; PostgreSQL as well for the tests that say ``on_both_databases``."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'huitang.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"record_{new_id()}"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture(scope="session")
def held_lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lesson]:
    """The lesson held once, on SQLite: a folder with database, journal and objects to be copied."""
    folder = tmp_path_factory.mktemp("held")

    async def hold() -> Lesson:
        held = await _open(f"sqlite+aiosqlite:///{folder / 'huitang.db'}", SetClock(), folder)
        await _hold_whole(held)
        await _close(held)
        return held

    return folder, asyncio.run(hold())


@pytest.fixture
async def lesson(
    database_url: str, clock: SetClock, tmp_path: Path, held_lesson: tuple[Path, Lesson]
) -> AsyncIterator[Lesson]:
    """Ended and assembled: host, recorder and "here" signed in, "late" 11 minutes late, "away" never came."""
    folder, before = held_lesson
    if database_url.startswith("sqlite"):
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        held = await _open(database_url, clock, tmp_path)
        held.branch, held.actors, held.agenda = before.branch, dict(before.actors), before.agenda
        held.meeting_id, held.recording_id, held.start_ms = before.meeting_id, before.recording_id, before.start_ms
        clock.ms = before.clock.ms
    else:
        held = await _open(database_url, clock, tmp_path)
        await _hold_whole(held)
    yield held
    await _close(held)


async def _open(url: str, clock: SetClock, folder: Path) -> Lesson:
    db = Database(url)
    await migrate(db)
    log = DurableLog(db, folder / "journal", clock)
    await log.start()
    passwords = Passwords()
    sessions = Sessions(db, clock, passwords, Throttle(db, clock))
    return Lesson(
        db=db,
        clock=clock,
        log=log,
        store=LocalStore(folder / "objects"),
        passwords=passwords,
        sessions=sessions,
        record=Record(db, log, clock, sessions),
        makeup=Makeup(db, log, clock, EarlyDice()),
    )


async def _close(held: Lesson) -> None:
    await held.log.close()
    await held.store.close()
    await held.passwords.close()
    await held.db.close()


async def _hold_whole(held: Lesson) -> None:
    committee = await factories.organisation(held.db, "市直机关党委", "party_committee")
    held.branch = await factories.organisation(held.db, "第一党支部", parent=committee)
    await _people(held, committee)
    await _schedule(held)
    await _hold(held)


async def _people(held: Lesson, committee: factories.Place) -> None:
    stored = await held.passwords.hash(PASSWORD)
    sibling = await factories.organisation(held.db, "第二党支部", parent=committee)
    homes = dict.fromkeys([*ROLES, "secretary"], held.branch) | {"neighbour": sibling, "inspector": committee}
    for name, home in homes.items():
        member_id = await factories.member(held.db, f"同志{name}", home)
        grants: tuple[Any, ...] = ((name, home),) if name in ("secretary", "inspector") else ()
        if name == "neighbour":
            grants = (("secretary", sibling),)
        account_id = await factories.account(held.db, member_id, name, stored, grants)
        held.actors[name] = await factories.actor(held.db, account_id, held.clock.now_ms())


async def _schedule(held: Lesson) -> None:
    held.meeting_id, held.recording_id = new_id(), new_id()
    held.start_ms = held.clock.now_ms()
    held.agenda = [{"item_id": new_id(), "title": title, "planned_minutes": 10} for title in ("传达文件", "讨论")]
    async with held.db.session() as session:
        session.add(
            Meeting(
                id=held.meeting_id,
                organisation_id=held.branch.id,
                type="party_lesson",
                title="专题党课",
                ordinal=4,
                year=2026,
                place="",
                state="ended",
                start_ms=held.start_ms,
                end_ms=held.start_ms + 30 * MINUTE_MS,
                host_member_id=held.member_id("host"),
                recorder_member_id=held.member_id("recorder"),
                lecturer_member_id=None,
                agenda=held.agenda,
                record=True,
                rule_version="test",
                created_by=held.member_id("host"),
                created_ms=held.start_ms,
            )
        )
        await session.flush()
        session.add_all(
            ExpectedMember(
                meeting_id=held.meeting_id,
                member_id=held.member_id(name),
                role=role,
                name=held.actors[name].name,
                status="full",
                group_name=None,
                has_vote=True,
                counted=True,
            )
            for name, role in ROLES.items()
        )


async def _hold(held: Lesson) -> None:
    roll = [[held.member_id(name), True] for name in ROLES]
    for name in ("host", "recorder", "here", "late"):
        member_id = held.member_id(name)
        await held.event(
            -1000, "joined", name, participant_id=f"p-{name}", member_id=member_id, role="member", device="desktop"
        )
    await held.event(0, "meeting_started", "host", roll=roll, expected=5, expected_voting=5, rule="test")
    for name, at_ms in (("host", 2000), ("recorder", 3000), ("here", 4000), ("late", 11 * MINUTE_MS)):
        await held.event(at_ms, "signed_in", name, member_id=held.member_id(name), method="self")
    await held.event(5000, "agenda_moved", "host", item_id=held.agenda[0]["item_id"])
    await held.event(
        9000,
        "remark",
        "here",
        remark_id=new_id(),
        participant_id="p-here",
        member_id=held.member_id("here"),
        text="=SUM(1) 我谈一点体会",
    )
    await held.event(12 * MINUTE_MS, "meeting_ended", "host", reason="host")
    held.clock.advance(12 * MINUTE_MS + 3000)
    await held.record.assemble(held.meeting_id)
    await record_lesson(held)


async def record_lesson(held: Lesson) -> None:
    """A minute of recording: objects in the store, rows, events, then the record hears of it."""
    rows: list[dict[str, Any]] = []
    async with held.db.session() as session:
        session.add(
            Recording(
                id=held.recording_id,
                meeting_id=held.meeting_id,
                state="finished",
                origin_ms=held.start_ms,
                duration_ms=LESSON_MS,
                gaps=[],
                created_ms=held.start_ms,
            )
        )
        await session.flush()
        for index in range(-1, LESSON_MS // SEGMENT_MS):
            name = "init0.mp4" if index < 0 else f"{index:06d}.m4s"
            body = hashlib.sha256(name.encode()).digest() * 50
            row: dict[str, Any] = {
                "recording_id": held.recording_id,
                "index": max(index, 0),
                "key": f"rec/{held.recording_id}/{name}",
                "sha256": hashlib.sha256(body).hexdigest(),
                "start_ms": max(index, 0) * SEGMENT_MS,
                "duration_ms": SEGMENT_MS if index >= 0 else 0,
            }
            rows.append(row)
            await held.store.put(row["key"], body, "video/mp4")
            session.add(Segment(**row, bytes=len(body)))
    await held.store.put(f"rec/{held.recording_id}/index.m3u8", b"#EXTM3U\n", "application/vnd.apple.mpegurl")
    for row in rows:
        await held.event(13 * MINUTE_MS, "recording_segment", **row)
    finished: dict[str, Any] = {
        "recording_id": held.recording_id,
        "duration_ms": LESSON_MS,
        "gaps": [],
        "origin_ms": held.start_ms,
    }
    await held.event(13 * MINUTE_MS, "recording_finished", **finished)
    await held.record.recording_finished(held.recording_id)
