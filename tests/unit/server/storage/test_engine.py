"""However the database goes away, its users hear DatabaseAwayError; their own mistakes stay what they are."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError

from server.errors import DatabaseAwayError, UnstorableError
from server.protocol.codes import ErrorCode
from server.storage import engine
from server.storage.engine import Database
from server.storage.models import Account, Member
from tests.servers.postgres import postgres


@pytest.mark.integration
async def test_stopped_and_starting_databases_are_away() -> None:
    with postgres() as server:
        db = Database(server.create_database("moody"))
        await db.check()
        server.stop()
        with pytest.raises(DatabaseAwayError):
            await db.check()
        start = threading.Thread(target=server.start)
        start.start()
        while True:  # "connection refused", then "the database system is starting up"
            try:
                await db.check()
                break
            except DatabaseAwayError:
                await asyncio.sleep(0)
        start.join()
        await db.close()


@pytest.mark.integration
async def test_a_database_that_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # connected to by the kernel, read by nobody
    port = silent.getsockname()[1]
    monkeypatch.setitem(engine._ASYNCPG, "timeout", 0.3)
    db = Database(f"postgresql+asyncpg://huitang@127.0.0.1:{port}/none?ssl=disable")
    with pytest.raises(DatabaseAwayError):
        await db.check()
    await db.close()
    silent.close()


async def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    with pytest.raises(IntegrityError):
        async with db.session() as session:
            session.add(Member(id="a" * 32, name="一", status="full"))
            await session.flush()
            await session.execute(text("INSERT INTO member (id, name, status) VALUES ('b', NULL, 'full')"))
    async with db.session() as session:
        assert (await session.execute(text("SELECT count(*) FROM member"))).scalar_one() == 0


async def test_what_is_logged_of_a_refusal_names_nobody(db: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with db.session() as session:
            session.add(Account(id="a" * 32, member_id="nobody", login="王建国", password_hash="秘", created_ms=1))
    assert "王建国" not in str(caught.value)
    assert "秘" not in str(caught.value)


async def test_a_connection_that_cannot_be_tuned_is_closed(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"no database at all" * 500)
    before = threading.active_count()
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'junk.db'}")
    with pytest.raises(DatabaseError):
        await db.check()
    await db.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > before:  # aiosqlite has a thread per open connection
        assert time.monotonic() < deadline, "still waiting: the connection's thread ends"
        await asyncio.sleep(0.01)


@pytest.mark.integration
async def test_a_text_that_postgresql_cannot_hold_is_the_askers_fault() -> None:
    with postgres() as server:
        db = Database(server.create_database("nul"))
        with pytest.raises(UnstorableError) as caught:
            async with db.session() as session:
                await session.execute(text("SELECT :given"), {"given": "a\0b"})
        assert caught.value.code is ErrorCode.BAD_REQUEST
        assert "SELECT" not in caught.value.message
        await db.close()
