"""The one place where the database is opened. A lost database becomes DatabaseAwayError, whatever the driver raised."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from server.errors import DatabaseAwayError, UnstorableError

# Parameters are hidden: what the database refuses is logged, and names of people do not belong there.
# A request waits this long for a database that neither answers nor refuses.
PATIENCE_S = 5.0
_ASYNCPG = {"timeout": PATIENCE_S, "command_timeout": 3 * PATIENCE_S}
# SQLSTATE classes (PostgreSQL appendix A): lost connection, no room for one more, shutting down or starting up.
_AWAY = ("08", "53", "57P")
# Data exceptions: a NUL character in a text, a number or a text that is too long for its column.
_UNSTORABLE = "22"


class Database:
    """An engine and its sessions. ``async with db.session() as session`` commits at the end or rolls back."""

    def __init__(self, url: str) -> None:
        self.url = url
        if url.startswith("sqlite"):
            self.engine: AsyncEngine = create_async_engine(url, hide_parameters=True)
            event.listen(self.engine.sync_engine, "connect", _tune_sqlite)
        else:
            self.engine = create_async_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_size=10,
                pool_timeout=PATIENCE_S,
                connect_args=_ASYNCPG,
            )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction. Raises DatabaseAwayError when the database does not answer, UnstorableError for values
        that it cannot hold."""
        try:
            async with self._sessions() as session, session.begin():
                yield session
        except (OperationalError, PoolTimeoutError, OSError) as error:
            raise DatabaseAwayError(str(error)) from error
        except DBAPIError as error:
            sqlstate = str(getattr(error.orig, "sqlstate", ""))
            if error.connection_invalidated or sqlstate.startswith(_AWAY):
                raise DatabaseAwayError(str(error)) from error
            if sqlstate.startswith(_UNSTORABLE):
                raise UnstorableError(str(error)) from error
            raise

    async def check(self) -> None:
        """Raises DatabaseAwayError when a trivial query does not come back."""
        async with self.session() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """WAL lets readers go on while one writes; FULL keeps every acknowledged commit through a power cut."""
    try:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
    except sqlite3.Error:
        connection.close()  # the pool never gets it, so nobody else would
        raise
