"""A whole signaling server over a data folder: database, log, rooms, workers, sockets — and nothing else.

``python -m tests.integration.signaling.house FOLDER PORT`` runs it as a process of its own, so that it can be killed.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from server.auth.actor import Actor
from server.auth.tickets import Tickets
from server.clock import Clock, SystemClock
from server.meeting_log.log import DurableLog
from server.planning.profiles import load_profiles
from server.planning.service import Planning
from server.protocol.models import RoomRole
from server.rooms.registry import RoomRegistry
from server.services import Services
from server.settings import Settings
from server.signaling.gateway import Gateway, attach
from server.storage.engine import Database
from server.storage.models import Base, ExpectedMember, Meeting, Member, Membership, Organisation
from server.storage.secrets import installation_secret
from server.workers.media import MediaWorkers
from server.workers.recorders import Recorders

TOKEN = "worker-token-of-the-tests"
START_MS = 1_700_000_000_000
AGENDA = [{"item_id": "a1", "title": "学习", "planned_minutes": 10}, {"item_id": "a2", "title": "讨论"}]
# member id → part; "n…" are plain members, "o" observes, "x" belongs to another branch
PEOPLE = {"host": "host", "rec": "recorder", "lect": "lecturer", "n1": "member", "n2": "member", "o": "observer"}


class SkippingClock:
    """The machine's clock, and jumps on command."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.skipped_ms = 0

    def now_ms(self) -> int:
        return self._system.now_ms() + self.skipped_ms

    def monotonic_ms(self) -> int:
        return self._system.monotonic_ms() + self.skipped_ms


@dataclass
class Book:
    """Stands where the ledger is; remembers what it was asked."""

    assembled: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    async def assemble(self, meeting_id: str) -> str:
        self.assembled.append(meeting_id)
        return "entry-" + meeting_id

    async def recording_finished(self, recording_id: str) -> None:
        self.finished.append(recording_id)


class House:
    """``start`` on a folder that may have been used before; ``stop`` as on SIGTERM."""

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        port: int = 0,
        database_url: str | None = None,
        turn: tuple[tuple[str, ...], str] = ((), ""),
    ) -> None:
        self.folder = folder
        # mode=rw: a database that a test has moved away is away, not made anew.
        self._database_url = database_url or f"sqlite+aiosqlite:///file:{folder / 'huitang.db'}?mode=rw&uri=true"
        self.clock = clock or SystemClock()
        self.port = port
        self.turn = turn  # addresses and secret of a relay
        self.book = Book()
        self.services: Services
        self.gateway: Gateway
        self._runner: web.AppRunner

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        db = Database(self._database_url)
        log = DurableLog(db, self.folder / "journal", self.clock)
        await log.start()
        planning = Planning(db, self.clock, load_profiles())
        rooms = RoomRegistry(db, log, self.clock, planning, self.book)
        unused: Any = None
        self.services = Services(
            settings=Settings(data_dir=self.folder, turn_urls=self.turn[0], turn_secret=self.turn[1]),
            clock=self.clock,
            db=db,
            log=log,
            store=unused,
            sessions=unused,
            tickets=Tickets(await installation_secret(db, self.clock, "ticket_key"), self.clock),
            access_log=unused,
            planning=planning,
            rooms=rooms,
            media=MediaWorkers(TOKEN, self.clock),
            recorders=Recorders(TOKEN, self.clock),
            record=unused,
            makeup=unused,
        )
        app = web.Application()
        app.router.add_post("/ticket/{meeting}/{member}", self._ticket)
        self.gateway = await attach(app, self.services)
        await rooms.recover()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self.gateway.close()
        await self._runner.cleanup()
        await self.services.rooms.close()
        await self.services.log.close()  # type: ignore[attr-defined]
        await self.services.db.close()

    def ticket(self, member_id: str, meeting_id: str = "m", device: str = "desktop") -> str:
        actor = Actor(account_id="acc-" + member_id, member_id=member_id, name=member_id, roles=(), homes=())
        role = RoomRole(PEOPLE.get(member_id, "member"))
        return self.services.tickets.issue(meeting_id, actor, role, device, self.clock.now_ms()).ticket

    async def _ticket(self, request: web.Request) -> web.Response:
        return web.Response(text=self.ticket(request.match_info["member"], request.match_info["meeting"]))


async def furnish(folder: Path, *, record: bool = False, database_url: str | None = None) -> None:
    """One branch, one meeting ``m`` with its roll, one member of another branch."""
    db = Database(database_url or f"sqlite+aiosqlite:///{folder / 'huitang.db'}")
    async with db.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with db.session() as session:
        for branch in ("b", "c"):
            session.add(
                Organisation(
                    id=branch, path=branch, kind="branch", name=f"支部{branch}", short_name=branch, settings={}
                )
            )
        for member in (*PEOPLE, "x"):
            session.add(Member(id=member, name=f"名{member}", status="full"))
        await session.flush()
        for member in (*PEOPLE, "x"):
            place = "c" if member in ("x", "o") else "b"
            session.add(Membership(id=member, member_id=member, organisation_id=place, kind="home", valid_from_ms=0))
        session.add(_meeting(record))
        await session.flush()
        session.add_all(_expected(member, part) for member, part in PEOPLE.items())
    await db.close()


async def furnish_meeting(folder: Path, meeting_id: str) -> None:
    """Another one of the same branch and people."""
    db = Database(f"sqlite+aiosqlite:///{folder / 'huitang.db'}")
    async with db.session() as session:
        session.add(_meeting(False, meeting_id, ordinal=2))
        await session.flush()
        session.add_all(_expected(member, part, meeting_id) for member, part in PEOPLE.items())
    await db.close()


def _meeting(record: bool, meeting_id: str = "m", ordinal: int = 1) -> Meeting:
    return Meeting(
        id=meeting_id,
        organisation_id="b",
        type="party_lesson",
        title="党课",
        ordinal=ordinal,
        year=2026,
        state="scheduled",
        start_ms=START_MS,
        end_ms=START_MS + 3_600_000,
        host_member_id="host",
        recorder_member_id="rec",
        lecturer_member_id="lect",
        agenda=AGENDA,
        record=record,
        rule_version="1",
        created_by="host",
        created_ms=0,
    )


def _expected(member: str, part: str, meeting_id: str = "m") -> ExpectedMember:
    return ExpectedMember(
        meeting_id=meeting_id,
        member_id=member,
        role=part,
        name=f"名{member}",
        status="full",
        has_vote=part != "observer",
        counted=part != "observer",
    )


async def _main(folder: Path, port: int) -> None:
    house = House(folder, port=port)
    await house.start()
    (folder / "port").write_text(str(house.port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
