"""Migrations and models must say the same, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from server.errors import DatabaseAwayError
from server.storage import migrate as migrate_module
from server.storage.engine import Database
from server.storage.migrate import migrate
from server.storage.models import Base


async def test_migrations_lead_to_the_models(db: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with db.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_the_newest_revision_is_the_one_the_start_compares_with() -> None:
    scripts = ScriptDirectory(str(migrate_module._SCRIPTS))
    assert scripts.get_current_head() == migrate_module.NEWEST


async def test_migrating_again_changes_nothing(db: Database) -> None:
    await migrate(db)
    async with db.session() as session:
        revision = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    assert revision == migrate_module.NEWEST


async def test_two_servers_that_start_together_both_come_up(database_url: str) -> None:
    first, second = Database(database_url), Database(database_url)
    if not database_url.startswith("sqlite"):  # one SQLite file has one server
        await asyncio.gather(migrate(first), migrate(second))
    await migrate(first)
    async with second.engine.connect() as connection:
        tables = await connection.run_sync(lambda c: inspect(c).get_table_names())
    assert "meeting" in tables
    await first.close()
    await second.close()


async def test_a_database_that_does_not_answer_is_away() -> None:
    db = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseAwayError):
        await db.check()
    await db.close()


async def test_sqlite_keeps_foreign_keys_and_writes_ahead(tmp_path: object) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    async with db.session() as session:
        assert (await session.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1
        assert (await session.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
    await db.close()
