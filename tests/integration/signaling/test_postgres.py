"""A real PostgreSQL that is stopped in the middle of a meeting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.meeting_log.chain import verify
from tests.integration.signaling.guest import Guest, until
from tests.integration.signaling.house import House, furnish
from tests.servers.postgres import Postgres, postgres


@pytest.fixture
def server() -> Iterator[Postgres]:
    """One of its own: it is stopped."""
    with postgres() as own:
        yield own


async def test_meeting_goes_on_while_postgresql_is_away(tmp_path: Path, server: Postgres) -> None:
    url = server.create_database("away")
    await furnish(tmp_path, database_url=url)
    house = House(tmp_path, database_url=url)
    await house.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await house.services.log.flush("m")
    await asyncio.to_thread(server.stop)
    said = [(await host.do("remark.post", text=f"第{number}句"))["remark"] for number in range(25)]
    member = await Guest(house.url).enter(house.ticket("n1"))
    assert list(member.joined["snapshot"]["remarks"]) == said
    await member.do("sign_in.self")
    await asyncio.to_thread(server.start)
    await until(lambda: house.services.log.backlog == 0, "the backlog is copied", 20)  # type: ignore[attr-defined]
    await host.do("meeting.end")
    await until(lambda: house.book.assembled == ["m"], "the ledger entry", 20)
    events = await house.services.log.read("m")
    assert [event.type for event in events].count("remark") == 25
    assert verify(events) is None
    for guest in (host, member):
        await guest.close()
    await house.stop()
