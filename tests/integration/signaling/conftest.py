"""One house per test, in this process, on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.signaling.callers import Caller, MediaProcesses
from tests.integration.signaling.guest import Guest
from tests.integration.signaling.house import House, furnish

Arrive = Callable[[str], Awaitable[Guest]]
Phone = Callable[[str], Awaitable[Caller]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder starts a real server."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    await furnish(tmp_path)
    built = House(tmp_path)
    await built.start()
    yield built
    await built.stop()


@pytest.fixture
async def arrive(house: House) -> AsyncIterator[Arrive]:
    """``await arrive("n1")``: that member, joined."""
    guests: list[Guest] = []

    async def enter(member_id: str) -> Guest:
        guests.append(await Guest(house.url).enter(house.ticket(member_id)))
        return guests[-1]

    yield enter
    for guest in guests:
        await guest.close()


@pytest.fixture
async def worker(house: House, tmp_path: Path) -> AsyncIterator[MediaProcesses]:
    processes = MediaProcesses(house, tmp_path)
    await processes.start("media-0")
    yield processes
    await processes.stop()


@pytest.fixture
async def phone(house: House, worker: MediaProcesses) -> AsyncIterator[Phone]:
    """``await phone("n1")``: that member, joined; no media yet."""
    callers: list[Caller] = []

    async def join(member_id: str) -> Caller:
        callers.append(Caller(await Guest(house.url).enter(house.ticket(member_id))))
        return callers[-1]

    yield join
    for caller in callers:
        await caller.hang_up()
        await caller.guest.close()
