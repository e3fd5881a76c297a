"""Every address that names an object, asked by somebody of another branch: refused, and nothing of it told."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from server.http.routing import Route
from server.http.server import ROUTES
from server.ids import new_id
from server.protocol.http import MinutesInput, SignInput, TicketRequest
from server.protocol.ways import IngestTokenRequest
from server.storage.models import AccessLog, Meeting, Recording
from tests.integration.server_http.conftest import HOUR_MS, PASSWORD, Browser, Site

pytestmark = pytest.mark.integration

BODIES: dict[Any, dict[str, Any]] = {
    TicketRequest: {"device": "desktop"},
    MinutesInput: {"version": 1, "texts": {}, "summary": "改一下"},
    SignInput: {"password": PASSWORD, "version": 1},
    IngestTokenRequest: {"kind": "whip"},
}
# What goes on in a room concerns who may be in it, and its makers; reading from above is for the record.
ROOM_ONLY = ("/broadcast", "/still", "/ingest-tokens")
TITLE = "党课：不给外人看的题目"


async def held_lesson(site: Site) -> dict[str, str]:
    """A lesson that was held and recorded: names of path parts → ids."""
    meeting_id = await site.meeting(title=TITLE)
    roll = await site.services.planning.freeze_roll(meeting_id)
    started_ms = site.clock.now_ms() + HOUR_MS
    started = {"expected": roll.expected, "expected_voting": roll.expected_voting, "rule": roll.rule}
    append = site.services.log.append
    host = site.members["host"]
    await append(meeting_id, "meeting_started", started | {"roll": roll.roll}, actor=host, at_ms=started_ms)
    await append(meeting_id, "meeting_ended", {"reason": "host"}, actor=host, at_ms=started_ms + 60_000)
    recording_id = new_id()
    async with site.services.db.session() as session:
        meeting = await session.get_one(Meeting, meeting_id)
        meeting.state, meeting.started_ms, meeting.ended_ms = "ended", started_ms, started_ms + 60_000
        session.add(
            Recording(
                id=recording_id,
                meeting_id=meeting_id,
                state="finished",
                origin_ms=started_ms,
                duration_ms=60_000,
                gaps=[],
                created_ms=started_ms,
            )
        )
    await site.services.store.put(f"rec/{recording_id}/index.m3u8", b"#EXTM3U\n", "application/vnd.apple.mpegurl")
    entry_id = await site.services.record.assemble(meeting_id)
    return {"meeting_id": meeting_id, "recording_id": recording_id, "entry_id": entry_id, "name": "index.m3u8"} | {
        "token_id": new_id()
    }


async def ask(browser: Browser, route: Route, ids: dict[str, str]) -> Any:
    path = re.sub(r"\{(\w+)[^}]*\}", lambda part: ids[part[1]], route.path)
    return await browser.call(route.method, path, BODIES[route.body] if route.body else None)


def object_routes() -> list[Route]:
    return [route for route in ROUTES if route.access == "session" and "{" in route.path]


async def test_another_branch_gets_nothing(site: Site) -> None:
    ids = await held_lesson(site)
    outsider = await site.browser("outsider")
    asked = 0
    for route in object_routes():
        answer = await ask(outsider, route, ids)
        assert answer.status in (403, 404), (route.method, route.path, answer.body)
        assert answer.code in ("forbidden", "not_found")
        assert TITLE not in json.dumps(answer.body, ensure_ascii=False)
        asked += 1
    assert asked >= 10
    for listing in ("/api/meetings", "/api/ledger", "/api/makeup", "/api/home"):
        answer = await outsider.get(listing)
        assert answer.status == 200, listing
        assert TITLE not in json.dumps(answer.body, ensure_ascii=False), listing


async def test_reading_from_above_changes_nothing(site: Site) -> None:
    """An inspector sees everything below and may write nothing."""
    ids = await held_lesson(site)
    inspector = await site.browser("inspector")
    for route in object_routes():
        answer = await ask(inspector, route, ids)
        # Watching is reading; it earns credit for nobody but who watches.
        if any(part in route.path for part in ROOM_ONLY):
            assert answer.status in (403, 404), (route.path, answer.body)
        elif route.method == "GET" or route.path.endswith("/watch"):
            assert answer.status == 200, (route.path, answer.body)
        else:
            assert answer.status in (403, 404, 409), (route.path, answer.body)
            assert answer.status != 409 or answer.code == "meeting_state"
    async with site.services.db.session() as session:
        assert (await session.get_one(Meeting, ids["meeting_id"])).state == "ended"


async def test_a_member_reads_what_concerns_him_and_no_more(site: Site) -> None:
    ids = await held_lesson(site)
    member = await site.browser("member")
    allowed = {route.path for route in object_routes() if (await ask(member, route, ids)).status == 200}
    assert allowed == {
        "/api/meetings/{meeting_id}",
        "/api/meetings/{meeting_id}/broadcast",
        "/api/meetings/{meeting_id}/broadcast/{recording_id}/{name}",
        "/api/recordings/{recording_id}",
        "/api/recordings/{recording_id}/hls/{name}",
        "/api/recordings/{recording_id}/watch",
    }


async def test_who_opens_and_plays_a_recording_is_noted(site: Site) -> None:
    ids = await held_lesson(site)
    await site.services.store.put(f"rec/{ids['recording_id']}/init0.mp4", b"init", "video/mp4")
    inspector = await site.browser("inspector")
    address = f"/api/recordings/{ids['recording_id']}"
    for path in ("", "/hls/index.m3u8", "/hls/init0.mp4"):
        assert (await inspector.get(address + path)).status == 200, path
    async with site.services.db.session() as session:
        query = select(AccessLog.action).where(AccessLog.object_id == ids["recording_id"]).order_by(AccessLog.id)
        assert (await session.execute(query)).scalars().all() == ["open_replay", "play_recording"]


def test_every_body_is_tried() -> None:
    assert {route.body for route in object_routes() if route.body} <= BODIES.keys()
