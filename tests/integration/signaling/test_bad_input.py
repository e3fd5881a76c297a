"""Whatever is sent, the sender gets a stable code, and nobody else notices."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from media.control import SOURCES, ParticipantMedia, RoomMedia, TransportState
from server.auth.rate import RateLimit
from server.protocol.base import MAX_MESSAGE_BYTES, Ack
from server.protocol.commands import COMMANDS
from server.telemetry.counters import counters
from tests.integration.signaling.conftest import Arrive
from tests.integration.signaling.guest import Guest, MediaPeer, until
from tests.integration.signaling.house import House, SkippingClock


async def raw(guest: Guest, command: str, payload: Any) -> str:
    """The code for a payload as it stands."""
    answer = await guest.sio.call(command, payload, timeout=10)
    ack = Ack.model_validate(answer)
    assert ack.error is not None
    return ack.error.code.value


@pytest.mark.parametrize(
    "auth",
    [
        {"ticket": None},
        {"ticket": "a.b.c"},
        {"ticket": "x" * 3000},
        {"ticket": 5},
        {"resume_token": "x" * 300},
        {"ticket": "a", "resume_token": "b"},
        {"ticket": "a", "admin": True},
        {"device": "fridge", "ticket": "a"},
    ],
)
async def test_bad_auth_is_refused_with_a_code(house: House, auth: dict[str, Any]) -> None:
    guest = Guest(house.url)
    assert not await guest.connect(**auth)
    assert guest.refusal is not None
    assert guest.refusal["data"]["code"] in ("bad_request", "ticket_invalid")


async def test_other_protocol_version_and_no_auth(house: House) -> None:
    guest = Guest(house.url)
    assert not await guest.connect(protocol=99, ticket=house.ticket("n1"))
    assert guest.refusal is not None
    assert guest.refusal["data"]["code"] == "protocol_version"


async def test_strangers_with_a_good_ticket(house: House) -> None:
    for who, meeting_id, code in (("x", "m", "forbidden"), ("nobody", "m", "forbidden"), ("n1", "mm", "not_found")):
        guest = Guest(house.url)
        assert not await guest.connect(ticket=house.ticket(who, meeting_id))
        assert guest.refusal is not None
        assert guest.refusal["data"]["code"] == code


async def test_late_ticket(house: House) -> None:
    ticket = house.ticket("n1")
    clock = SkippingClock()
    clock.skipped_ms = 61_000
    house.services.tickets._clock = clock
    guest = Guest(house.url)
    assert not await guest.connect(ticket=ticket)
    assert guest.refusal is not None
    assert guest.refusal["data"]["code"] == "ticket_expired"


async def test_nothing_but_join_before_joining(house: House) -> None:
    guest = Guest(house.url)
    assert await guest.connect(ticket=house.ticket("host"))
    for command in COMMANDS:
        if command.NAME != "room.join":
            code = await raw(guest, command.NAME, {"request_id": "r", **_some(command.NAME)})
            assert code == "not_joined", command.NAME
    assert guest.events == []
    await guest.join()
    await guest.close()


def _some(command: str) -> dict[str, Any]:
    """Fields that make the command well formed."""
    fields: dict[str, dict[str, Any]] = {
        "transport.offer": {"sdp": "v=0"},
        "publication.add": {"source": "microphone"},
        "publication.mute": {"source": "microphone", "muted": True},
        "publication.remove": {"source": "microphone"},
        "view.set": {"pictures": []},
        "quality.choose": {"level": None},
        "sign_in.proxy": {"member_id": "n1"},
        "remark.post": {"text": "x"},
        "floor.give": {"participant_id": "p"},
        "agenda.move": {"item_id": None},
        "stage.pin": {"publication_id": None},
        "participant.mute": {"participant_id": "p"},
        "participant.allow": {"participant_id": "p", "audio": True, "video": True, "screen": True},
        "participant.remove": {"participant_id": "p"},
        "participant.readmit": {"member_id": "n1"},
    }
    return fields.get(command, {})


async def test_malformed_commands(house: House, arrive: Arrive) -> None:
    member, other = await arrive("n1"), await arrive("n2")
    heard = len(other.events)
    good = {"request_id": "r", "text": "x"}
    payloads: tuple[Any, ...] = (
        {},
        [],
        "text",
        5,
        True,
        None,
        {**good, "extra": 1},
        {"text": "x"},
        {**good, "request_id": ""},
        {**good, "request_id": "r" * 65},
        {**good, "request_id": 7},
        {**good, "text": ""},
        {**good, "text": "x" * 1001},
        {**good, "text": {"$ne": 1}},
        {**good, "text": b"\x00\x01"},
        {**good, "text": "\ud800"},
        {"request_id": [], "text": "x"},
    )
    for payload in payloads:
        assert await raw(member, "remark.post", payload) == "bad_request", payload
    assert await raw(member, "room.destroy", {"request_id": "r"}) == "unknown_command"
    assert await raw(member, "x" * 500, {"request_id": "r"}) == "unknown_command"
    assert await raw(member, "remark.post", ({"request_id": "r", "text": "a"}, "more")) == "bad_request"
    assert counters()["error_bad_request"] >= 16
    assert len(other.events) == heard
    await other.do("hand.raise")


async def test_oversized_messages(house: House, arrive: Arrive) -> None:
    member, other = await arrive("n1"), await arrive("n2")
    payload = {"request_id": "r", "text": "x" * MAX_MESSAGE_BYTES}
    assert await raw(member, "remark.post", payload) == "message_too_large"
    assert await raw(member, "transport.offer", {"request_id": "r", "sdp": "x" * 60_001}) == "bad_request"
    assert await member.ask("hand.raise")
    await member.sio.emit("remark.post", {"request_id": "r", "text": "x" * 3 * MAX_MESSAGE_BYTES})
    await until(lambda: not member.sio.connected, "the connection of the far too large message ends")
    await other.do("hand.raise")


async def test_rate_limit(house: House, arrive: Arrive) -> None:
    member, other = await arrive("n1"), await arrive("n2")
    answers = await asyncio.gather(*(member.ask("hand.raise") for _ in range(100)))
    codes = [answer["error"]["code"] for answer in answers if not answer["ok"]]
    assert codes
    assert set(codes) == {"rate_limited"}
    assert len(answers) - len(codes) >= 55
    assert all(answer["error"]["retryable"] for answer in answers if not answer["ok"])
    await other.do("hand.raise")


async def test_a_flood_ends_the_connection(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")
    for _ in range(700):
        await member.sio.emit("hand.raise", {"request_id": "r"})
    await until(lambda: not member.sio.connected, "the connection ends")


async def test_observers_and_members_keep_to_their_rights(house: House, arrive: Arrive) -> None:
    observer, member = await arrive("o"), await arrive("n1")
    assert observer.joined["grants"]["remark"] is False
    for guest, commands in (
        (observer, ("remark.post", "hand.raise", "sign_in.self", "meeting.start", "publication.add")),
        (member, ("meeting.start", "meeting.end", "agenda.move", "stage.pin", "participant.remove", "sign_in.proxy")),
    ):
        for command in commands:
            assert await guest.refused(command, **_some(command)) == "forbidden", command


async def test_foreign_pages_cannot_connect(house: House) -> None:
    address = f"{house.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(address, headers={"Origin": "https://evil.example"})
        ws = await session.ws_connect(address, headers={"Origin": house.url})
        assert (await ws.receive_str()).startswith("0{")
        await ws.close()


async def test_junk_on_the_socket_disturbs_nobody(house: House, arrive: Arrive) -> None:
    other = await arrive("n2")
    address = f"{house.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session:
        for junk in ("", "4", "42", "9", "4{", '42["remark.post"', '45-["x"]', "40/media,", "41", "\x00", "4" * 5000):
            ws = await session.ws_connect(address)
            await ws.send_str(junk)
            await ws.send_bytes(b"\xff\xfe")
            await ws.close()
    await other.do("hand.raise")


async def test_unforeseen_errors_get_an_id_and_no_details(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")

    async def broken(*_args: object) -> None:
        raise RuntimeError("secret detail")

    house.services.rooms.conduct.raise_hand = broken  # type: ignore[assignment,method-assign]
    answer = await member.ask("hand.raise")
    assert answer["error"]["code"] == "internal_error"
    assert answer["error"]["error_id"]
    assert "secret" not in str(answer)


async def test_all_of_a_room_together_have_a_limit(house: House, arrive: Arrive) -> None:
    host, member = await arrive("host"), await arrive("n1")
    house.gateway._dispatcher._room_limit = RateLimit(0.001, 2)
    await host.do("hand.lower")
    await member.do("hand.lower")
    answer = await member.ask("hand.lower")
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("rate_limited", True)
    await member.do("ice.servers")  # where a whole lesson looks has its own bound
    house.gateway._dispatcher._traceless_limit = RateLimit(0.001, 1)
    await host.do("ice.servers")
    assert await member.refused("ice.servers") == "rate_limited"


async def test_who_enters_again_and_again_is_slowed_down(house: House, arrive: Arrive) -> None:
    house.gateway._entries = RateLimit(0.001, 1)
    member = await arrive("n1")
    for auth in ({"ticket": house.ticket("n1")}, {"resume_token": member.joined["resume_token"]}):
        again = Guest(house.url)
        assert not await again.connect(**auth)
        assert again.refusal is not None
        assert again.refusal["message"] == "rate_limited"
    await arrive("host")


@pytest.mark.parametrize("packet", ['5999999-["x",{}]', '59999999999-["x"]', "6123456-[]"])
async def test_a_flood_of_attachments_ends_the_connection(house: House, arrive: Arrive, packet: str) -> None:
    member, other = await arrive("n1"), await arrive("n2")
    await member.sio.eio.send(packet)
    await until(lambda: not member.sio.connected, "the connection ends")
    await other.do("hand.raise")


async def test_what_waits_for_its_attachments_goes_with_the_connection(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")
    await member.sio.eio.send('52-["hand.raise",{}]')
    await until(lambda: len(house.gateway.sio._binary_packet) == 1, "two attachments are waited for")
    await member.cut()
    await until(lambda: not house.gateway.sio._binary_packet, "nothing is kept")


async def test_a_worker_may_tell_of_all_whom_a_core_can_serve(house: House) -> None:
    worker = MediaPeer(house.url)
    participants = tuple(
        ParticipantMedia(participant_id=f"{i:032x}", state=TransportState.CONNECTED, sources=SOURCES)
        for i in range(5000)
    )
    worker.rooms["m"] = RoomMedia(room_id="m", tap="unix:/w1", participants=participants)
    assert await worker.start()
    await until(lambda: house.services.media.count == 1, "the worker is welcome")
    await worker.close()


async def test_a_socket_that_never_asks_to_enter_is_ended(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")
    address = f"{house.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as http, http.ws_connect(address) as socket:
        assert (await socket.receive_str()).startswith("0{")
        await house.gateway.sweep()
        assert len(house.gateway.sio.eio.sockets) == 2
        await house.gateway.sweep()
        assert len(house.gateway.sio.eio.sockets) == 1
    await member.do("hand.raise")
