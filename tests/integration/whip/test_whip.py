"""WHIP: FFmpeg's own muxer and aiortc send into a real room; who may, and how it ends."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, update

from recordings.control import RecordingState
from recordings.probe import probe
from server.storage.models import Account, IngestTokenRow, Meeting
from tests.integration.server_http.conftest import until
from tests.integration.whip.clients import SDP, Session, Viewer, encoder, post, request
from tests.integration.whip.conftest import Hall

pytestmark = pytest.mark.integration


async def token_for(hall: Hall, account: str = "host", kind: str = "whip", name: str = "礼堂摄像机") -> dict[str, Any]:
    browser = await hall.browser(account)
    answer = await browser.post(f"/api/meetings/{hall.meeting_id}/ingest-tokens", {"kind": kind, "name": name})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


async def true(value: object) -> bool:
    return bool(value)


@asynccontextmanager
async def viewer_of(hall: Hall, account: str) -> AsyncIterator[Viewer]:
    viewer = Viewer(await hall.enter(account))
    await viewer.connect()
    try:
        yield viewer
    finally:
        await viewer.close()


def joined_encoder(viewer: Viewer) -> dict[str, Any] | None:
    people = (event["participant"] for event in viewer.guest.heard("participant.joined"))
    return next((person for person in people if person["device"] == "encoder"), None)


@pytest.mark.parametrize("options", [{}, {"whip_flags": "dtls_active"}], ids=["dtls server", "dtls client"])
async def test_ffmpeg_sends_into_a_recorded_lesson(meeting_hall: Hall, options: dict[str, str]) -> None:
    hall = meeting_hall
    await hall.start_process("recordings")
    host = await hall.begin()
    token = await token_for(hall)
    async with viewer_of(hall, "member") as viewer:
        async with encoder(token["url"], token["token"], 200, **options):
            await until("the encoder in the room", lambda: true(joined_encoder(viewer)), 20)
            shown = joined_encoder(viewer)
            assert shown is not None
            assert (shown["name"], shown["companion_of"]) == ("礼堂摄像机", host.me)
            await viewer.look_at(f"{shown['participant_id']}:camera")
            seen = viewer.eyes
            await until("its picture", lambda: true(seen.frames["video"] > 30 and abs(seen.brightness - 200) < 12), 20)
            await until("its sound", lambda: true(seen.frames["audio"] > 50), 20)
            recording_id = await hall.recording(RecordingState.RECORDING)
            await until("three segments", lambda: _segments(hall, recording_id, 3), 30)

        def has_left() -> bool:
            return any(event["participant_id"] == shown["participant_id"] for event in heard())

        def heard() -> list[dict[str, Any]]:
            return viewer.guest.heard("participant.left")

        await until("the encoder to have left by its DELETE", lambda: true(has_left()), 5)
    await host.do("meeting.end")
    await until("the recording's end", lambda: _ended(hall, recording_id), 30)
    found = await probe(hall.services.store, recording_id)
    bright = [frame for frame in found.frames if (frame.width, frame.height) == (320, 240)]
    assert len(bright) > 60 and found.damaged == 0, found.facts()
    assert max(found.sound) > 4000


async def _segments(hall: Hall, recording_id: str, count: int) -> bool:
    info = await (await hall.browser("member")).get(f"/api/meetings/{hall.meeting_id}/broadcast")
    if info.body["state"] != "live":
        return False
    text = (await hall.browsers[-1].get(info.body["playlist_url"])).body.decode()
    return bool(text.count("#EXTINF") >= count)


async def _ended(hall: Hall, recording_id: str) -> bool:
    text = (await hall.services.store.get(f"rec/{recording_id}/index.m3u8")).decode()
    return "#EXT-X-ENDLIST" in text


async def test_aiortc_sends_and_takes_its_leave(meeting_hall: Hall) -> None:
    hall = meeting_hall
    await hall.begin(record=False)
    token = await token_for(hall)
    session = Session(token["url"], token["token"])
    async with viewer_of(hall, "member") as viewer:
        answer = await session.publish(120)
        assert answer.status == 201, await answer.text()
        assert answer.content_type == SDP and answer.headers["Accept-Post"] == SDP
        assert session.resource.startswith(f"/api/whip/{hall.meeting_id}/")
        await viewer.look_at(f"{session.session_id}:camera")
        seen = viewer.eyes
        await until("its picture", lambda: true(seen.frames["video"] > 20 and abs(seen.brightness - 120) < 12), 20)
        resource = hall.url + session.resource
        assert (await request("PATCH", resource, headers={"Content-Type": SDP})).status == 405
        for wrong in (None, "x" * 43):
            headers = {"Authorization": f"Bearer {wrong}"} if wrong else {}
            assert (await request("DELETE", resource, headers=headers)).status == 401
        mine = {"Authorization": f"Bearer {token['token']}"}
        assert (await request("DELETE", resource, headers=mine)).status == 200
        assert (await request("DELETE", resource, headers=mine)).status == 404
        assert any(gone["participant_id"] == session.session_id for gone in viewer.guest.heard("participant.left"))
    await session.close()


async def test_a_revoked_token_ends_what_came_with_it(meeting_hall: Hall) -> None:
    hall = meeting_hall
    host = await hall.begin(record=False)
    first, second = await token_for(hall), await token_for(hall)
    sessions = [Session(token["url"], token["token"]) for token in (first, second)]
    for session in sessions:
        assert (await session.publish(100)).status == 201
    secretary = await hall.browser("secretary")
    tokens = f"/api/meetings/{hall.meeting_id}/ingest-tokens"
    listed = (await secretary.get(tokens)).body["tokens"]
    assert [each["token_id"] for each in listed] == [first["token_id"], second["token_id"]]
    assert first["token"] not in str(listed)
    assert (await secretary.call("DELETE", f"{tokens}/{first['token_id']}")).status == 204
    left = [gone["participant_id"] for gone in host.heard("participant.left")]
    assert left == [sessions[0].session_id]
    assert (await post(first["url"], first["token"], "v=0")).status == 401
    await host.do("meeting.end")
    assert (await post(second["url"], second["token"], "v=0")).status == 409
    for session in sessions:
        await session.close()


async def test_whoever_is_removed_takes_his_encoder_with_him(meeting_hall: Hall) -> None:
    hall = meeting_hall
    host = await hall.begin(record=False)
    secretary = await hall.enter("secretary")
    token = await token_for(hall, "secretary")
    session = Session(token["url"], token["token"])
    assert (await session.publish(100)).status == 201
    await until("its connection", lambda: true(session.pc.connectionState == "connected"))
    await host.do("participant.remove", participant_id=secretary.me)
    await until("the end of its connection", lambda: true(session.pc.connectionState == "closed"), 5)
    assert session.session_id in [gone["participant_id"] for gone in host.heard("participant.left")]
    assert (await post(token["url"], token["token"], "v=0")).status == 403
    await session.close()


async def test_an_encoder_that_the_host_removed_does_not_come_back_by_itself(meeting_hall: Hall) -> None:
    hall = meeting_hall
    host = await hall.begin(record=False)
    token, other = await token_for(hall), await token_for(hall)
    session = Session(token["url"], token["token"])
    assert (await session.publish(100)).status == 201
    await host.do("participant.remove", participant_id=session.session_id)
    again, fresh = Session(token["url"], token["token"]), Session(other["url"], other["token"])
    refused = await again.publish(100)
    assert (refused.status, (await refused.json())["error"]["code"]) == (403, "removed")
    assert (await fresh.publish(100)).status == 201
    for each in (session, again, fresh):
        await each.close()


async def test_who_gets_a_token(hall: Hall) -> None:
    await hall.begin(record=False, observer_member_ids=[hall.members["inspector"]])
    tokens = f"/api/meetings/{hall.meeting_id}/ingest-tokens"
    for account, status in (("host", 200), ("secretary", 200), ("member", 403), ("inspector", 403), ("outsider", 404)):
        browser = await hall.browser(account)
        made = await browser.post(tokens, {"kind": "whip"})
        assert made.status == status, (account, made.body)
        if status != 200:
            assert (await browser.get(tokens)).status == status
    stranger = await hall.stranger().post(tokens, {"kind": "whip"})
    assert stranger.status == 401
    assert (await (await hall.browser("host")).post(tokens, {"kind": "rtmp"})).status == 422


async def test_a_token_is_kept_as_a_hash_and_there_are_not_too_many(hall: Hall) -> None:
    await hall.begin(record=False)
    made = [(await token_for(hall))["token"] for _ in range(8)]
    browser = await hall.browser("host")
    refused = await browser.post(f"/api/meetings/{hall.meeting_id}/ingest-tokens", {"kind": "whip"})
    assert (refused.status, refused.code) == (409, "conflict")
    async with hall.services.db.session() as session:
        rows = list((await session.execute(select(IngestTokenRow))).scalars())
    kept = " ".join(str(vars(row)) for row in rows)
    assert all(token not in kept and hashlib.sha256(token.encode()).hexdigest() in kept for token in made)


async def test_refusals_are_as_the_rfc_says(meeting_hall: Hall) -> None:
    hall = meeting_hall
    await hall.begin(record=False)
    token = await token_for(hall)
    url, bearer = token["url"], token["token"]
    allowed = await request("OPTIONS", url)
    assert (allowed.status, allowed.headers["Accept-Post"]) == (204, SDP)
    nobody = await post(url, None, "v=0")
    assert (nobody.status, nobody.headers["WWW-Authenticate"]) == (401, 'Bearer realm="huitang"')
    wrong = await post(url, "no such token", "v=0")
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="huitang", error="invalid_token"'
    assert (await wrong.json())["error"]["code"] == "ticket_invalid"
    assert (await post(url.replace("whip", "whep"), bearer, "v=0")).status == 401  # a token of another kind
    assert (await post(url.replace(hall.meeting_id, "0" * 32), bearer, "v=0")).status == 401
    assert (await post(url, bearer, "{}", "application/json")).status == 415
    broken = await post(url, bearer, "v=0\r\nm=audio nonsense")
    assert (broken.status, (await broken.json())["error"]["code"]) == (400, "bad_sdp")
    listener = Session(url, bearer)
    assert (await listener.play()).status == 406  # who sends does not listen
    await listener.close()
    assert (await post(url, bearer, "v=0\r\n" + "a=x\r\n" * 20_000)).status == 413
    room = hall.services.rooms.get(hall.meeting_id)
    assert room is not None and not room.companions


async def test_without_a_media_worker_it_may_come_again(hall: Hall) -> None:
    await hall.begin(record=False)
    token = await token_for(hall)
    session = Session(token["url"], token["token"])
    answer = await session.publish(100)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert (await answer.json())["error"]["code"] == "media_unavailable"
    room = hall.services.rooms.get(hall.meeting_id)
    assert room is not None and not room.companions
    await session.close()


async def test_a_token_is_no_more_than_its_maker(hall: Hall) -> None:
    """Read again at each use: the account, the roll, the hour."""
    await hall.begin(record=False)
    token = await token_for(hall, "secretary")
    offer = "v=0\r\nm=audio nonsense"
    assert (await post(token["url"], token["token"], offer)).status == 503  # no media worker here: it came so far

    async def change(statement: Any, status: int) -> None:
        async with hall.services.db.session() as session:
            await session.execute(statement)
        assert (await post(token["url"], token["token"], offer)).status == status

    account = update(Account).where(Account.member_id == hall.members["secretary"])
    await change(account.values(disabled=True), 401)
    await change(account.values(disabled=False), 503)
    await change(update(IngestTokenRow).values(expires_ms=hall.clock.now_ms()), 401)
    await change(update(IngestTokenRow).values(expires_ms=hall.clock.now_ms() + 60_000), 503)
    await change(update(Meeting).values(recorder_member_id=hall.members["host"]), 503)  # still the branch's secretary
    secretary = await hall.enter("secretary")
    await hall.guests["host"].do("participant.remove", participant_id=secretary.me)
    assert (await post(token["url"], token["token"], offer)).status == 403
