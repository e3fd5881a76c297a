"""The whole server in this process, on a real port, and browsers that keep cookies and send the CSRF header."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from argon2 import PasswordHasher

from server.app import Server
from server.services import Services
from server.settings import Settings
from tests import factories
from tests.conftest import SetClock

PASSWORD = "a-long-enough-password"
HOUR_MS = 3_600_000


@dataclass
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str:
        """The error's stable code."""
        code: str = self.body["error"]["code"]
        return code


class Browser:
    """One person's browser."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.csrf: str | None = None
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def call(self, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        headers = {"Origin": self.url} | ({"X-CSRF-Token": self.csrf} if self.csrf else {}) | more.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        async with self.http.request(method, self.url + path, json=json, headers=headers, **more) as answer:
            is_json = answer.content_type == "application/json"
            return Answer(answer.status, await answer.json() if is_json else await answer.read(), answer.headers)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, json, **more)

    async def login(self, account: str, password: str = PASSWORD) -> Answer:
        answer = await self.post("/api/login", {"account": account, "password": password})
        if answer.status == 200:
            self.csrf = answer.body["csrf_token"]
        return answer


@dataclass
class Site:
    """A running server with a small tree: a committee, two branches, one temporary branch."""

    services: Services
    clock: SetClock
    url: str
    web_dist: Path
    places: dict[str, factories.Place] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    browsers: list[Browser] = field(default_factory=list)

    def stranger(self) -> Browser:
        browser = Browser(self.url)
        self.browsers.append(browser)
        return browser

    async def browser(self, account: str) -> Browser:
        browser = self.stranger()
        answer = await browser.login(account)
        assert answer.status == 200, answer.body
        return browser

    def lesson(self, **changes: Any) -> dict[str, Any]:
        """A valid wish for a meeting of the first branch in an hour."""
        start_ms = self.clock.now_ms() + HOUR_MS
        return {
            "organisation_id": self.places["first"].id,
            "type": "party_lesson",
            "title": "党课：学习条例",
            "start_ms": start_ms,
            "end_ms": start_ms + HOUR_MS,
            "host_member_id": self.members["host"],
            "recorder_member_id": self.members["secretary"],
            "agenda": [{"title": "领学", "planned_minutes": 20}],
            "not_classified": True,
        } | changes

    async def meeting(self, **changes: Any) -> str:
        """Scheduled by the host; its id."""
        answer = await (await self.browser("host")).post("/api/meetings", self.lesson(**changes))
        assert answer.status == 200, answer.body
        meeting_id: str = answer.body["summary"]["meeting_id"]
        return meeting_id


async def until(what: str, condition: Callable[[], Awaitable[bool]], deadline_s: float = 10) -> None:
    end = asyncio.get_running_loop().time() + deadline_s
    while not await condition():
        assert asyncio.get_running_loop().time() < end, f"waited in vain for {what}"
        await asyncio.sleep(0.05)


async def people(site: Site, password_hash: str) -> None:
    """host, secretary, member and probationary in "first"; outsider in "second"; inspector and admin above."""
    db, places, members = site.services.db, site.places, site.members
    places["committee"] = await factories.organisation(db, "机关党委", "party_committee")
    places["first"] = await factories.organisation(db, "第一党支部", parent=places["committee"])
    places["second"] = await factories.organisation(db, "第二党支部", parent=places["committee"])
    places["temporary"] = await factories.organisation(db, "临时党支部", "temporary_branch", places["committee"])
    for name, home, status in (
        ("host", "first", "full"),
        ("secretary", "first", "full"),
        ("member", "first", "full"),
        ("probationary", "first", "probationary"),
        ("outsider", "second", "full"),
        ("inspector", "second", "full"),
        ("admin", "second", "full"),
    ):
        members[name] = await factories.member(db, f"名字{name}", places[home], status=status)
    await factories.tie(db, members["outsider"], places["temporary"], "attached")
    roles: dict[str, tuple[tuple[Any, str], ...]] = {
        "host": (("host", "first"),),
        "secretary": (("secretary", "first"),),
        "outsider": (("host", "second"), ("host", "temporary")),
        "inspector": (("inspector", "committee"),),
        "admin": (("admin", "committee"),),
    }
    for name in members:
        granted = tuple((role, places[place]) for role, place in roles.get(name, ()))
        await factories.account(db, members[name], name, password_hash, granted)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """One for all: hashing is slow on purpose."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)


@pytest.fixture
async def site(database_url: str, tmp_path: Path, clock: SetClock, password_hash: str) -> AsyncIterator[Site]:
    web_dist = tmp_path / "dist"
    (web_dist / "assets").mkdir(parents=True)
    (web_dist / "index.html").write_text("<!doctype html><title>会堂</title>")
    settings = Settings(
        port=0,
        data_dir=tmp_path / "data",
        database_url=database_url,
        worker_token="worker",
        demo=False,
        web_dist=web_dist,
        public_origins=("https://front.example",),
    )
    server = Server(settings, clock)
    try:
        services = await server.start()
        found = Site(services, clock, f"http://127.0.0.1:{server.port}", web_dist)
        await people(found, password_hash)
        yield found
        for browser in found.browsers:
            await browser.http.close()
    finally:
        await server.stop()
