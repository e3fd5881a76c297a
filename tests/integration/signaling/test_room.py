"""Joining, the record, and everybody seeing the same, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.signaling.conftest import Arrive
from tests.integration.signaling.guest import Guest, MediaPeer, until
from tests.integration.signaling.house import House, furnish


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """On SQLite and on PostgreSQL."""
    await furnish(tmp_path, database_url=database_url)
    built = House(tmp_path, database_url=database_url)
    await built.start()
    yield built
    await built.stop()


async def test_join_remark_end(house: House, arrive: Arrive) -> None:
    host, member = await arrive("host"), await arrive("n1")
    snapshot = member.joined["snapshot"]
    assert [p["member_id"] for p in snapshot["participants"]] == ["host", "n1"]
    assert snapshot["meeting"]["state"] == "scheduled"
    assert snapshot["roll"]["expected"] == 5
    await until(lambda: bool(host.heard("participant.joined")), "the host sees the member")

    assert await member.refused("remark.post", text="早") == "meeting_state"
    assert await member.refused("meeting.start") == "forbidden"
    await host.do("meeting.start")
    await member.do("sign_in.self")
    posted = await member.do("remark.post", text=" 我先说 ")
    assert posted["remark"]["text"] == "我先说"
    await until(lambda: bool(host.heard("remark.added")), "the host sees the remark")
    assert host.heard("remark.added")[0]["remark"]["member_id"] == "n1"
    assert host.heard("roll.changed")[-1]["signed_in"] == 1

    await host.do("meeting.end")
    await until(lambda: bool(member.heard("room.closed")), "the member is told")
    assert member.heard("room.closed") == [{"code": "room_closed", "reason": "ended"}]
    await until(lambda: house.book.assembled == ["m"], "the ledger entry is assembled")
    await until(lambda: not member.sio.connected, "the connection is ended")
    revisions = member.revisions()
    assert revisions == list(range(member.joined["revision"] + 1, member.joined["revision"] + 1 + len(revisions)))


async def test_offer_goes_to_a_worker_and_back(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")
    assert await member.refused("transport.offer", sdp="v=0") == "media_unavailable"
    worker = MediaPeer(house.url)
    assert await worker.start()
    answer = await member.do("transport.offer", sdp="v=0")
    assert answer["sdp"] == "v=0 w1"
    assert worker.called("transport.offer")[0]["grants"] == {"audio": True, "video": True, "screen": False}
    assert (await member.do("view.set", pictures=[{"publication_id": "a:camera", "height_px": 360}]))["slots"][0][
        "mid"
    ] == "4"
    worker.refuse["transport.offer"] = "bad_sdp"
    assert await member.refused("transport.offer", sdp="nonsense") == "bad_sdp"
    await worker.close()


async def test_a_withdrawn_source_is_told_to_the_worker(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")
    worker = MediaPeer(house.url)
    await worker.start()
    await member.do("transport.offer", sdp="v=0")
    await member.do("publication.add", source="camera")
    await member.do("publication.remove", source="camera")
    assert worker.called("publication.end") == [{"room_id": "m", "publication_id": f"{member.me}:camera"}]
    worker.refuse["publication.end"] = "internal_error"
    await member.do("publication.add", source="camera")
    await member.do("publication.remove", source="camera")
    await worker.close()


async def test_worker_with_a_wrong_token(house: House) -> None:
    assert not await MediaPeer(house.url).start(token="guess")
    assert not await MediaPeer(house.url).start(token="")
    assert house.services.media.count == 0


async def test_ticket_is_good_once(house: House, arrive: Arrive) -> None:
    ticket = house.ticket("n1")
    await Guest(house.url).enter(ticket)
    second = Guest(house.url)
    assert not await second.connect(ticket=ticket)
    assert second.refusal is not None
    assert second.refusal["data"]["code"] == "ticket_used"


async def test_removed_and_readmitted(house: House, arrive: Arrive) -> None:
    host, member = await arrive("host"), await arrive("n1")
    assert await member.refused("participant.readmit", member_id="n1") == "forbidden"
    await host.do("participant.remove", participant_id=member.me)
    shut_out = Guest(house.url)
    assert not await shut_out.connect(ticket=house.ticket("n1"))
    assert shut_out.refusal is not None
    assert shut_out.refusal["message"] == "removed"
    await host.do("participant.readmit", member_id="n1")
    assert (await arrive("n1")).me == member.me
