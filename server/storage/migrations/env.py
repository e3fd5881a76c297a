"""Alembic's entry. The server passes its open connection; the command line (``alembic``) opens DATABASE_URL itself."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from server.settings import load_settings
from server.storage.engine import Database
from server.storage.models import Base


def run(connection: Connection) -> None:
    # SQLite cannot alter tables in place: batch mode copies them.
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=connection.dialect.name == "sqlite"
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_from_command_line() -> None:
    db = Database(load_settings().effective_database_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(run)
    await db.close()


_given: Connection | None = context.config.attributes.get("connection")
if _given is not None:
    run(_given)
else:
    asyncio.run(run_from_command_line())
