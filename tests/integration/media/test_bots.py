"""aiortc participants: another WebRTC implementation than the browsers', with grants, limits and hostile datagrams."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

import pytest

from media import control, tap
from tests.integration.media.bots import Bot
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import TOKEN, ControlServer, until

pytestmark = pytest.mark.integration
MakeBot = Callable[[str], Bot]


@pytest.fixture
async def room(server: ControlServer, worker: asyncio.subprocess.Process) -> str:
    """The address of the open room's tap."""
    return str((await server.call(control.RoomOpen(room_id="r")))["tap"])


@pytest.fixture
async def bot(server: ControlServer) -> AsyncIterator[MakeBot]:
    made: list[Bot] = []

    def make(participant_id: str) -> Bot:
        made.append(Bot(server, "r", participant_id))
        return made[-1]

    yield make
    for item in made:
        await item.leave()


async def test_sound_and_vp8_between_bots(server: ControlServer, room: str, bot: MakeBot) -> None:
    alice, bob = bot("alice"), bot("bob")
    await bob.join(publish=False)
    await bob.view("alice:camera")  # wanted before it exists
    await alice.join(publish=True)
    await until(lambda: bob.frames["video"] > 10, "bob decodes pictures", 20)
    await until(lambda: abs(bob.loudest_hz - 1000) < 60, "bob hears alice's tone", 20)
    assert server.seen("publication.media", publication_id="alice:camera", flowing=True)


async def test_without_a_grant_nothing_is_forwarded(server: ControlServer, room: str, bot: MakeBot) -> None:
    alice, bob = bot("alice"), bot("bob")
    await bob.join(publish=False)
    await bob.view("alice:camera")
    await alice.join(publish=True, grants=control.Grants())
    await until(lambda: server.counters.get("drop_not_granted", 0) > 50, "her packets are dropped", 20)
    assert bob.frames == {"audio": 0, "video": 0}
    await server.call(control.GrantsSet(room_id="r", participant_id="alice", grants=control.Grants(audio=True)))
    await until(lambda: bob.frames["audio"] > 10, "sound after the grant")
    assert bob.frames["video"] == 0


async def test_refusals_have_codes_and_leave_the_room_alone(server: ControlServer, room: str, bot: MakeBot) -> None:
    async def code(message: Any) -> str:
        answer = await server.call_raw(message.NAME, message.model_dump(mode="json"))
        assert not answer["ok"]
        return str(answer["error"]["code"])

    grants = control.Grants()
    offer = control.TransportOffer(room_id="r", participant_id="mallory", sdp="v=0\r\nnonsense", grants=grants)
    assert await code(offer) == "bad_sdp"
    assert await code(offer.model_copy(update={"room_id": "elsewhere"})) == "unknown_room"
    assert await code(control.ViewSet(room_id="r", participant_id="nobody", pictures=())) == "unknown_participant"
    long = await server.call_raw("transport.offer", {**offer.model_dump(), "sdp": "v" * 70000})
    assert long["error"]["code"] == "bad_sdp"
    assert (await server.call_raw("room.open", {"room": 1}))["error"]["code"] == "bad_request"
    assert (await server.call_raw("room.open", None))["error"]["code"] == "bad_request"
    alice = bot("alice")
    alice.pc.addTransceiver("audio", direction="sendonly")
    await alice.pc.setLocalDescription(await alice.pc.createOffer())
    unusable = alice.pc.localDescription.sdp.replace("opus/", "opium/").replace("PCM", "XYZ")
    assert await code(offer.model_copy(update={"sdp": unusable})) == "no_usable_media"

    await server.call(control.RoomOpen(room_id="small", max_participants=1))
    small = offer.model_copy(update={"room_id": "small", "sdp": alice.pc.localDescription.sdp})
    await server.call(small)
    assert await code(small.model_copy(update={"participant_id": "trent"})) == "room_full"


async def test_hostile_datagrams_disturb_nobody(server: ControlServer, room: str, bot: MakeBot) -> None:
    alice, bob = bot("alice"), bot("bob")
    await bob.join(publish=False)
    await alice.join(publish=True)
    await until(lambda: bob.frames["audio"] > 5, "sound flows", 20)
    line = next(line for line in alice.answer["sdp"].splitlines() if line.startswith("a=candidate"))
    address = (line.split()[4], int(line.split()[5]))
    ufrag = next(line for line in alice.answer["sdp"].splitlines() if "ice-ufrag" in line).split(":")[1]
    rng = random.Random(5)
    before = bob.frames["audio"]
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
        stranger.setblocking(False)
        for index in range(6000):
            stranger.sendto(_junk(rng, index, ufrag), address)
            if index % 100 == 0:
                await asyncio.sleep(0)
    assert alice.pc.sctp is None
    inside: Any = alice.pc.getSenders()[0].transport.transport
    for index in range(3000):
        await inside._send(_junk(rng, index, ufrag))
    await until(lambda: bob.frames["audio"] > before + 50, "sound goes on")
    await until(lambda: server.counters.get("drop_srtp", 0) > 100, "junk from a valid peer is counted")
    for name in ("drop_size", "drop_unknown_source", "drop_stun_malformed", "drop_stun_unauthentic"):
        assert server.counters[name] > 0, name
    assert not [name for name in server.counters if name.startswith("fault")]
    assert (alice.pc.connectionState, bob.pc.connectionState) == ("connected", "connected")


def _junk(rng: random.Random, index: int, ufrag: str) -> bytes:
    """Empty, short, oversized and random datagrams with first bytes of every kind."""
    size = (0, 1, 12, 60, 200, 1501)[index % 6]
    body = bytearray(rng.randbytes(size))
    if size:
        body[0] = (0, 2, 22, 80, 128, 144, 255)[index % 7]
    if index % 5 == 0:
        name = f"{ufrag}:x".encode()
        name += bytes(-len(name) % 4)
        attributes = b"\0\x06" + len(f"{ufrag}:x").to_bytes(2, "big") + name + b"\0\x08\0\x14" + rng.randbytes(20)
        return b"\0\x01" + len(attributes).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + rng.randbytes(12) + attributes
    if index % 35 == 4 and len(body) > 60:  # an alert that closes DTLS, not authenticated
        body[:13] = b"\x15\xfe\xfd\0\0\0\0\0\0\0\1\0\2"
        return bytes(body[:13]) + b"\1\0"
    return bytes(body)


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[tap.TapFrame]:
    buffer = b""
    while data := await reader.read(65536):
        buffer += data
        offset = 0
        while True:
            frame, offset = tap.decode_frame(buffer, offset)
            if frame is None:
                break
            yield frame
        buffer = buffer[offset:]


async def _open_tap(address: str, **hello: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    writer.write(json.dumps({"token": TOKEN, "room_id": "r", **hello}).encode() + b"\n")
    return reader, writer


async def test_tap_gives_everything_and_goes_on_where_a_recorder_stopped(
    server: ControlServer, room: str, bot: MakeBot
) -> None:
    alice = bot("alice")
    reader, writer = await _open_tap(room)
    await alice.join(publish=True)
    seen: list[tap.TapFrame] = []
    kinds: set[str] = set()
    async with asyncio.timeout(20):
        async for frame in _frames(reader):
            seen.append(frame)
            if frame.type == tap.EVENT:
                kinds.add(json.loads(frame.body)["event"])
            has_report = any(item.type == tap.SR for item in seen)
            if has_report and kinds >= {"room", "track_added"} and len(seen) > 150:
                break
    writer.close()
    assert json.loads(seen[0].body)["event"] == "room"
    numbers = [frame.sequence for frame in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    tracks = [json.loads(frame.body)["track"] for frame in seen if b'"track_added"' in frame.body]
    assert {track["source"] for track in tracks} == {"microphone", "camera"}
    packets = [frame.body[2:] for frame in seen if frame.type == tap.RTP]
    assert {packet[1] & 0x7F for packet in packets} == {track["payload_type"] for track in tracks}

    reader, writer = await _open_tap(room, after=numbers[-1])
    writer.write(json.dumps({"op": "keyframe", "track": tracks[0]["number"]}).encode() + b"\n")
    again: list[tap.TapFrame] = []
    async with asyncio.timeout(10):
        async for frame in _frames(reader):
            again.append(frame)
            if len(again) > 50:
                break
    writer.close()
    assert [frame.sequence for frame in again[:3]] == [numbers[-1], numbers[-1] + 1, numbers[-1] + 2]
    assert {track["source"] for track in json.loads(again[0].body)["tracks"]} == {"microphone", "camera"}


async def test_tap_refuses_strangers_and_says_when_it_has_forgotten(
    server: ControlServer, room: str, bot: MakeBot
) -> None:
    for hello in ({"token": "wrong"}, {"room_id": "elsewhere"}):
        reader, writer = await _open_tap(room, **hello)
        assert await reader.read() == b""
        writer.close()
    reader, writer = await _open_tap(room, after=10_000_000)
    frames = _frames(reader)
    events = [json.loads((await anext(frames)).body)["event"] for _ in range(2)]
    assert events == ["room", "resync"]
    writer.close()


async def test_room_end_closes_its_tap(server: ControlServer, room: str) -> None:
    reader, writer = await _open_tap(room)
    await anext(_frames(reader))
    await server.call(control.RoomClose(room_id="r"))
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_a_vanished_peer_is_unstable_then_away(server: ControlServer, room: str, bot: MakeBot) -> None:
    alice = bot("alice")
    await alice.join(publish=True)
    await until(lambda: server.seen("transport.changed", state="connected"), "connected")
    for sender in alice.pc.getSenders():
        sender.replaceTrack(None)
    transport: Any = alice.pc.getSenders()[0].transport.transport

    async def swallow(_data: bytes) -> None:
        return

    transport._connection.send = transport._send = swallow
    for pair in transport._connection._nominated.values():
        pair.protocol.transport.close()
    loop = asyncio.get_running_loop()
    since = loop.time()
    await until(lambda: server.seen("transport.changed", state="unstable"), "unstable", 9)
    assert loop.time() - since > 4
    await until(lambda: server.seen("transport.changed", state="away"), "away", 12)


async def test_worker_ends_within_a_second_and_leaves_nothing(
    server: ControlServer, start_worker: StartWorker, bot: MakeBot
) -> None:
    process = await start_worker()
    address = (await server.call(control.RoomOpen(room_id="r")))["tap"]
    alice = bot("alice")
    await alice.join(publish=True)
    await until(lambda: server.seen("publication.media", flowing=True), "media")
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(1.5):
        assert await process.wait() == 0
    assert not os.path.exists(address.removeprefix("unix:"))  # noqa: PTH110
