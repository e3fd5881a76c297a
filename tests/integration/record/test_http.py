"""Ledger and replay over real HTTP: sessions, rights, ranges, beacons, downloads, the access log."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar
from aiohttp.test_utils import TestServer
from openpyxl import load_workbook
from sqlalchemy import select

from recordings.stores.open import s3_settings
from recordings.stores.s3 import S3Store
from server.auth.access_log import AccessLogger
from server.http.server import build_app
from server.planning.profiles import load_profiles
from server.planning.service import Planning
from server.record.verify_offline import problems
from server.rooms.registry import RoomRegistry
from server.services import Services
from server.settings import Settings
from server.storage.models import AccessLog
from tests.integration.record.conftest import LESSON_MS, PASSWORD, Lesson, on_both_databases

pytestmark = pytest.mark.integration


class Browser:
    """A signed-in browser of one person."""

    def __init__(self, server: TestServer) -> None:
        self.http = ClientSession(cookie_jar=CookieJar(unsafe=True))
        self.origin = str(server.make_url("/")).rstrip("/")
        self.csrf = ""

    async def sign_in(self, login: str) -> None:
        answer = await self.send("POST", "/api/login", {"account": login, "password": PASSWORD})
        assert answer.status == 200, await answer.text()
        self.csrf = (await answer.json())["csrf_token"]

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> ClientResponse:
        sent = {"Origin": self.origin, "X-CSRF-Token": self.csrf} | headers
        return await self.http.request(method, self.origin + path, json=body, headers=sent)

    async def json(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.send(method, path, body)
        assert answer.status == 200, await answer.text()
        return await answer.json()


class Site:
    """The lesson behind a real server."""

    def __init__(self, lesson: Lesson, services: Services, server: TestServer) -> None:
        self.lesson, self.services, self.server = lesson, services, server
        self.browsers: list[Browser] = []

    async def browser(self, name: str) -> Browser:
        browser = Browser(self.server)
        self.browsers.append(browser)
        await browser.sign_in(name)
        return browser

    async def noted(self) -> set[tuple[str, str, str]]:
        """(who, what, on which object) of the access log."""
        names = {actor.account_id: name for name, actor in self.lesson.actors.items()}
        async with self.lesson.db.session() as session:
            rows = (await session.execute(select(AccessLog))).scalars()
        return {(names[row.account_id], row.action, row.object_id) for row in rows}


@pytest.fixture
async def site(lesson: Lesson, tmp_path: Path) -> AsyncIterator[Site]:
    unused: Any = cast("Any", None)
    services = Services(
        settings=Settings(data_dir=tmp_path),
        clock=lesson.clock,
        db=lesson.db,
        log=lesson.log,
        store=lesson.store,
        sessions=lesson.sessions,
        tickets=unused,
        access_log=AccessLogger(lesson.db, lesson.clock),
        planning=Planning(lesson.db, lesson.clock, load_profiles()),
        rooms=RoomRegistry(lesson.db, lesson.log, lesson.clock, unused, unused),
        media=unused,
        recorders=unused,
        record=lesson.record,
        makeup=lesson.makeup,
    )
    server = TestServer(build_app(services))
    await server.start_server()
    found = Site(lesson, services, server)
    yield found
    for browser in found.browsers:
        await browser.http.close()
    await server.close()


@on_both_databases
async def test_from_the_list_to_both_signatures_and_the_exports(site: Site) -> None:
    recorder, host = await site.browser("recorder"), await site.browser("host")
    (row,) = (await recorder.json("GET", "/api/ledger?type=party_lesson"))["rows"]
    entry_id = row["entry_id"]
    entry = await recorder.json("GET", f"/api/ledger/{entry_id}?lang=en")
    assert entry["attendance"][0]["explanation"].endswith("present.")
    minutes = {
        "version": entry["version"],
        "texts": {entry["agenda"][0]["item_id"]: "传达了文件。"},
        "absence_reasons": {site.lesson.member_id("away"): "sick"},
    }
    written = await recorder.json("PUT", f"/api/ledger/{entry_id}/minutes", minutes)
    assert written["version"] == 2
    stale = await recorder.send("PUT", f"/api/ledger/{entry_id}/minutes", minutes)
    assert (stale.status, (await stale.json())["error"]["code"]) == (409, "conflict")
    for browser in (recorder, host):
        entry = await browser.json("POST", f"/api/ledger/{entry_id}/sign", {"password": PASSWORD, "version": 2})
    assert (entry["row"]["state"], entry["row"]["missing"]) == ("archived", [])
    sheet = await host.send("GET", f"/api/ledger/{entry_id}/sign-in-sheet.xlsx")
    assert "签到表.xlsx" in unquote(sheet.headers["Content-Disposition"])
    assert load_workbook(BytesIO(await sheet.read())).sheetnames == ["签到表"]
    document = await host.send("GET", f"/api/ledger/{entry_id}/minutes.docx")
    assert document.content_type.endswith("wordprocessingml.document")
    proof = await host.send("GET", f"/api/ledger/{entry_id}/proof.json")
    assert list(problems(await proof.json())) == []
    actions = ("read_ledger_entry", "write_minutes", "sign_ledger_entry")
    noted = await site.noted()
    assert {("recorder", action, entry_id) for action in actions} <= noted
    assert {("host", f"export_{what}", entry_id) for what in ("sign_in_sheet", "minutes", "proof")} <= noted


async def test_a_wrong_password_does_not_sign(site: Site) -> None:
    recorder = await site.browser("recorder")
    (row,) = (await recorder.json("GET", "/api/ledger"))["rows"]
    path = f"/api/ledger/{row['entry_id']}/sign"
    answer = await recorder.send("POST", path, {"password": "wrong", "version": 1})
    assert (await answer.json())["error"]["code"] == "bad_credentials"
    answer = await recorder.send("POST", path, {"password": PASSWORD, "version": 1}, **{"X-CSRF-Token": "x"})
    assert (await answer.json())["error"]["code"] == "csrf"


async def test_neighbours_see_nothing_and_nothing_is_noted(site: Site) -> None:
    neighbour, recorder = await site.browser("neighbour"), await site.browser("recorder")
    (row,) = (await recorder.json("GET", "/api/ledger"))["rows"]
    assert (await neighbour.json("GET", "/api/ledger"))["rows"] == []
    recording = f"/api/recordings/{site.lesson.recording_id}"
    for path in (
        f"/api/ledger/{row['entry_id']}",
        f"/api/ledger/{row['entry_id']}/minutes.docx",
        f"/api/ledger/{row['entry_id']}/proof.json",
        recording,
        f"{recording}/hls/index.m3u8",
        f"{recording}/hls/000000.m4s",
    ):
        answer = await neighbour.send("GET", path)
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "forbidden"), path
    assert not {note for note in await site.noted() if note[0] == "neighbour"}


async def test_without_a_session_nothing_is_served(site: Site) -> None:
    browser = Browser(site.server)
    site.browsers.append(browser)
    for path in ("/api/ledger", "/api/makeup", f"/api/recordings/{site.lesson.recording_id}/hls/index.m3u8"):
        assert (await browser.send("GET", path)).status == 401


async def test_hls_objects_come_with_type_cache_and_ranges(site: Site) -> None:
    away = await site.browser("away")
    folder = f"/api/recordings/{site.lesson.recording_id}/hls"
    playlist = await away.send("GET", f"{folder}/index.m3u8")
    assert (playlist.headers["Content-Type"], playlist.headers["Cache-Control"]) == (
        "application/vnd.apple.mpegurl",
        "private, no-cache",
    )
    init = await away.send("GET", f"{folder}/init0.mp4")
    assert init.headers["Content-Type"] == "video/mp4"
    whole = await away.send("GET", f"{folder}/000001.m4s")
    assert (whole.status, whole.headers["Content-Type"]) == (200, "video/iso.segment")
    assert "private" in whole.headers["Cache-Control"]
    body = await whole.read()
    assert body == await site.lesson.store.get(f"rec/{site.lesson.recording_id}/000001.m4s")
    for wanted, start, end in (("bytes=0-9", 0, 10), ("bytes=1590-", 1590, 1600), ("bytes=-7", 1593, 1600)):
        part = await away.send("GET", f"{folder}/000001.m4s", Range=wanted)
        assert part.status == 206
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/1600"
        assert await part.read() == body[start:end]
    beyond = await away.send("GET", f"{folder}/000001.m4s", Range="bytes=1600-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */1600")


@pytest.mark.parametrize(
    "name", ["manifest.json", "..%2Findex.m3u8", "index.m3u8%00", "999999.m4s", "1.m4s", "init.mp4", "000000.M4S"]
)
async def test_only_objects_of_the_recording_are_served(site: Site, name: str) -> None:
    away = await site.browser("away")
    answer = await away.send("GET", f"/api/recordings/{site.lesson.recording_id}/hls/{name}")
    assert answer.status == 404


async def test_a_store_that_is_away_is_named(site: Site) -> None:
    with socket.socket() as closed:  # bound, but nobody listens
        closed.bind(("127.0.0.1", 0))
        url = f"s3://key:secret@127.0.0.1:{closed.getsockname()[1]}/bucket?secure=0"
        site.services.store = S3Store(s3_settings(urlsplit(url)))
        away = await site.browser("away")
        answer = await away.send("GET", f"/api/recordings/{site.lesson.recording_id}/hls/index.m3u8")
        await site.services.store.close()
    assert (answer.status, (await answer.json())["error"]["code"]) == (503, "store_away")


async def test_watching_to_the_end_closes_the_task(site: Site) -> None:
    away = await site.browser("away")
    (task,) = (await away.json("GET", "/api/makeup"))["tasks"]
    page = await away.json("GET", f"/api/recordings/{task['recording_id']}")
    assert page["task"]["task_id"] == task["task_id"]
    session = await away.json("POST", f"/api/recordings/{task['recording_id']}/watch")
    answer = session
    stranger = Browser(site.server)  # a beacon: no cookie, no CSRF header, text/plain
    site.browsers.append(stranger)
    for seq, at in enumerate(range(0, LESSON_MS, 10_000), 1):
        site.lesson.clock.advance(10_000)
        beat = {"nonce": answer["nonce"], "seq": seq, "from_ms": at, "to_ms": at + 10_000, "rate": 1, "visible": True}
        browser = away if seq % 2 else stranger
        answer = await browser.json("POST", f"/api/watch/{session['session_id']}/heartbeat", beat)
    assert (answer["coverage"]["done"], answer["task"]["state"]) == (True, "done")
    assert ("away", "watch_recording", task["recording_id"]) in await site.noted()
    wrong = beat | {"nonce": "guessed", "seq": 99}
    refused = await stranger.send("POST", f"/api/watch/{session['session_id']}/heartbeat", wrong)
    assert (await refused.json())["error"]["code"] == "watch_session_over"
    for bad in (beat | {"rate": 0}, beat | {"seq": 0}, beat | {"extra": 1}, beat | {"from_ms": -1}, {}):
        refused = await stranger.send("POST", f"/api/watch/{session['session_id']}/heartbeat", bad)
        assert refused.status in (400, 422)
