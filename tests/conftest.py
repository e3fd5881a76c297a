"""Fixtures that several suites share: databases to run on, and the clock."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.storage.engine import Database
from server.storage.migrate import migrate
from tests.servers.postgres import Postgres, postgres

_numbers = itertools.count()


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> int:
        return self.ms

    def advance(self, ms: int) -> None:
        self.ms += ms


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database; every test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'huitang.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    yield server.create_database(f"test_{next(_numbers)}")  # goes with the server


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A database with its tables."""
    database = Database(database_url)
    await migrate(database)
    yield database
    await database.close()
