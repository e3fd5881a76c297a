"""Brings the database to the newest revision; run at each start of the server, before anything else reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from server.storage.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0002"  # of the folder migrations/versions (a test compares)
_SCRIPTS = Path(__file__).with_name("migrations")
# Any 64-bit number will do: servers that start together wait for each other on it.
_POSTGRES_LOCK = 0x6875_6974_616E_6700


async def migrate(db: Database) -> None:
    """Raises DatabaseAwayError when the database does not answer."""
    async with db.session() as session:
        connection = await session.connection()
        await connection.run_sync(_upgrade)


def alembic_config(connection: Connection) -> Config:
    """Alembic over a connection that is open already: no URL, and with it no password, in any file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if _revision(connection) == NEWEST:
        return  # without Alembic, whose import is a good part of a start
    from alembic import command

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))
    command.upgrade(alembic_config(connection), "head")


def _revision(connection: Connection) -> str | None:
    """None: an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found
