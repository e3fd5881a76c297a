"""Sessions over a real database, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.auth.passwords import Passwords
from server.auth.sessions import Sessions
from server.auth.throttle import Throttle
from server.storage.engine import Database
from tests import factories
from tests.conftest import SetClock

LOGIN, PASSWORD = "lihongmei", "correct-horse-battery"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    threads = Passwords()
    yield threads
    await threads.close()


@pytest.fixture
def throttle(db: Database, clock: SetClock) -> Throttle:
    return Throttle(db, clock)


@pytest.fixture
async def sessions(db: Database, clock: SetClock, passwords: Passwords, throttle: Throttle) -> Sessions:
    branch = await factories.organisation(db, "第一党支部")
    member_id = await factories.member(db, "李红梅", branch)
    await factories.account(db, member_id, LOGIN, await passwords.hash(PASSWORD), (("secretary", branch),))
    return Sessions(db, clock, passwords, throttle)
