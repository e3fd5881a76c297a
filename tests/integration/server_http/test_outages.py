"""A database that goes away, workers that are not there: said clearly, and over when it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.app import Server
from server.settings import Settings
from server.storage.models import LogEvent
from tests.conftest import SetClock
from tests.integration.server_http.conftest import Site, people, until
from tests.servers.postgres import Postgres, postgres

pytestmark = pytest.mark.integration


@pytest.fixture
async def fragile(tmp_path: Path, clock: SetClock, password_hash: str) -> AsyncIterator[tuple[Site, Postgres]]:
    """A server on a PostgreSQL of its own."""
    with postgres() as database:
        (tmp_path / "index.html").write_text("<!doctype html>")
        settings = Settings(
            port=0,
            web_dist=tmp_path,
            data_dir=tmp_path / "data",
            database_url=database.create_database("fragile"),
            worker_token="worker",
            demo=False,
        )
        server = Server(settings, clock)
        try:
            site = Site(await server.start(), clock, f"http://127.0.0.1:{server.port}", tmp_path)
            await people(site, password_hash)
            yield site, database
            for browser in site.browsers:
                await browser.http.close()
        finally:
            await server.stop()


async def test_while_the_database_is_away_everybody_is_told_and_afterwards_all_goes_on(
    fragile: tuple[Site, Postgres],
) -> None:
    site, database = fragile
    browser = await site.browser("member")
    meeting_id = await site.meeting()
    roll = {"roll_sha256": "0" * 64, "expected": 4}
    await site.services.log.append(meeting_id, "meeting_opened", roll)
    database.stop()
    for _ in range(3):  # pooled connections that broke, and new ones that are refused
        answer = await browser.get("/api/me")
        assert (answer.status, answer.code) == (503, "database_away")
        assert answer.body["error"]["retryable"]
    assert (await site.stranger().login("host")).code == "database_away"
    health = await browser.get("/healthz")
    assert (health.status, health.body["database"]) == (503, "away")
    assert "the database is away" in health.body["reason"]
    assert (await browser.get("/")).status == 200  # the page itself, which then says so

    # What happens meanwhile is in the journal, and in the database as soon as there is one.
    event = await site.services.log.append(
        meeting_id, "signed_in", {"member_id": site.members["member"], "method": "self"}
    )
    database.start()

    async def answers() -> bool:
        return (await browser.get("/api/me")).status == 200

    async def applied() -> bool:
        async with site.services.db.session() as session:
            return await session.get(LogEvent, (meeting_id, event.seq)) is not None

    await until("the database to be used again", answers)
    await until("the event to reach the database", applied)
    assert event in await site.services.log.read(meeting_id)


async def test_health_says_what_is_missing(site: Site) -> None:
    answer = await site.stranger().get("/healthz")
    assert answer.status == 503
    assert answer.body["ok"] is False
    assert (answer.body["database"], answer.body["object_store"]) == ("up", "up")
    assert answer.body["reason"] == "no media worker is connected; no recorder is connected"


async def test_an_object_store_that_is_away_is_said(site: Site) -> None:
    objects = site.services.settings.data_dir / "objects"
    for file in sorted(objects.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    objects.rmdir()
    objects.write_text("not a folder")
    answer = await site.stranger().get("/healthz")
    assert (answer.status, answer.body["object_store"]) == (503, "away")
