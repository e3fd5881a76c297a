"""One room on two workers: who sits on one sees and hears who sits on the other, and a packet crosses once."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import control
from media.links import wire
from media.links.server import LinkWriter
from media.listening import dial
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import CAMERA, MICROPHONE, Studio, packet_of

KEYFRAME, PICTURE = b"\x67\x42\xe0\x1f", b"\x41picture"


async def shown(studio: Studio, annex: Studio) -> tuple[RawClient, RawClient]:
    """Alice's camera, on the first worker, as Bob on the second one sees it."""
    alice = await studio.enter("alice")
    bob = await annex.enter("bob")
    alice.send(packet_of(alice, CAMERA, 1, KEYFRAME))
    await annex.sees(lambda: "alice:camera" in annex.room.publications, "the camera is known over there")
    annex.view("bob", "alice:camera")
    layer = studio.room.publications["alice:camera"].layers[0]
    await studio.sees(lambda: layer.outlets, "the camera is asked for")
    alice.send(packet_of(alice, CAMERA, 2, KEYFRAME))
    await annex.sees(lambda: bob.payloads() == [KEYFRAME], "the keyframe arrives")
    return alice, bob


async def test_a_picture_crosses_when_somebody_looks(studio: Studio, annex: Studio) -> None:
    alice, bob = await shown(studio, annex)
    alice.send(packet_of(alice, CAMERA, 3, PICTURE))
    await annex.sees(lambda: bob.payloads() == [KEYFRAME, PICTURE], "the next picture arrives")


async def test_nobody_looks_nothing_crosses(studio: Studio, annex: Studio) -> None:
    alice = await studio.enter("alice")
    await annex.enter("bob")
    alice.send(packet_of(alice, CAMERA, 1, KEYFRAME))
    await annex.sees(lambda: "alice:camera" in annex.room.publications, "the camera is known over there")
    alice.send(packet_of(alice, CAMERA, 2, PICTURE))
    alice.send(packet_of(alice, MICROPHONE, 1))
    await annex.sees(lambda: "alice:microphone" in annex.room.publications, "the voice is known over there")
    alice.send(packet_of(alice, MICROPHONE, 2))
    await annex.sees(lambda: annex.plane.counters["rtp_linked"] >= 1, "the voice crosses")
    assert annex.plane.counters["rtp_linked"] == 1


async def test_a_packet_crosses_once_for_two_viewers(studio: Studio, annex: Studio) -> None:
    alice, bob = await shown(studio, annex)
    carol = await annex.enter("carol")
    annex.view("carol", "alice:camera")
    before = annex.plane.counters["rtp_linked"]
    annex.clock.now += 1
    alice.send(packet_of(alice, CAMERA, 3, KEYFRAME))
    await annex.sees(lambda: carol.payloads() == [KEYFRAME] and len(bob.payloads()) == 2, "both see it")
    assert annex.plane.counters["rtp_linked"] == before + 1


async def test_a_viewer_there_asks_the_publisher_here_for_a_keyframe(studio: Studio, annex: Studio) -> None:
    alice, _ = await shown(studio, annex)
    asked = studio.plane.counters["pli_out"]
    annex.clock.now += 1
    annex.plane.request_keyframe(control.KeyframeRequest(room_id="r", publication_id="alice:camera"))
    await studio.sees(lambda: studio.plane.counters["pli_out"] == asked + 1, "the publisher is asked")
    assert not alice.is_closed


async def test_a_voice_is_heard_and_named_by_the_primary_alone(studio: Studio, annex: Studio) -> None:
    bob = await annex.enter("bob")
    alice = await studio.enter("alice")
    bob.send(packet_of(bob, MICROPHONE, 1, b"hello"))
    await studio.sees(lambda: "bob:microphone" in studio.room.publications, "the voice is known here")
    studio.voices()
    bob.send(packet_of(bob, MICROPHONE, 2, b"hello"))
    await studio.sees(lambda: b"hello" in alice.payloads(), "Alice hears Bob")
    assert not annex.said(control.SpeakersChanged)
    assert not studio.said(control.PublicationMedia, publication_id="bob:microphone"), "his own worker tells of him"
    assert annex.said(control.PublicationMedia, publication_id="bob:microphone", flowing=True)


async def test_what_is_withdrawn_there_is_gone_here(studio: Studio, annex: Studio) -> None:
    await shown(studio, annex)
    studio.plane.end_publication(control.PublicationEnd(room_id="r", publication_id="alice:camera"))
    await annex.sees(lambda: "alice:camera" not in annex.room.publications, "it is gone")


async def test_a_link_that_breaks_comes_back(studio: Studio, annex: Studio) -> None:
    alice, bob = await shown(studio, annex)
    await studio.plane._links.listener.close()
    await annex.sees(lambda: "alice:camera" not in annex.room.publications, "nothing is taken for living")
    await studio.plane._links.listener.start()
    await annex.sees(lambda: "alice:camera" in annex.room.publications, "the link is back")
    layer = studio.room.publications["alice:camera"].layers[0]
    await studio.sees(lambda: layer.outlets, "what is looked at is asked for again")
    seen = len(bob.payloads())
    annex.clock.now += 1
    alice.send(packet_of(alice, CAMERA, 3, KEYFRAME))
    await annex.sees(lambda: len(bob.payloads()) == seen + 1, "Bob sees again")


async def test_an_unlinked_room_dials_nobody(studio: Studio, annex: Studio) -> None:
    await shown(studio, annex)
    annex.plane.link_room(control.RoomLink(room_id="r", peers=(), primary=True))
    await annex.sees(lambda: "alice:camera" not in annex.room.publications, "the other worker's part is gone")


async def test_who_moves_over_is_no_ghost(studio: Studio, annex: Studio) -> None:
    """The same participant on the other worker: its new camera takes the place of the old one, in any order."""
    await shown(studio, annex)
    again = await annex.enter("alice")
    again.send(packet_of(again, CAMERA, 1, KEYFRAME))
    await annex.sees(lambda: annex.room.publications["alice:camera"].link is None, "the camera is local")
    studio.plane.close_transport(control.TransportClose(room_id="r", participant_id="alice"))
    await studio.sees(lambda: "alice:camera" in studio.room.publications, "the first worker has it by link")
    assert annex.room.publications["alice:camera"].link is None
    assert studio.room.publications["alice:camera"].link is not None


async def test_strangers_get_nothing(studio: Studio, annex: Studio) -> None:
    address = studio.plane.open_room(control.RoomOpen(room_id="r")).link
    for line in (
        wire.LinkHello(token="wrong", room_id="r").model_dump_json(),
        wire.LinkHello(token="t", room_id="other").model_dump_json(),
        "nonsense",
    ):
        reader, writer = await dial(address)
        writer.write(line.encode() + b"\n")
        async with asyncio.timeout(3):
            assert await reader.read() == b""
        writer.close()
    assert studio.plane.counters["link_refused"] == 3


@given(st.lists(st.tuples(st.integers(1, 4), st.binary(max_size=300)), max_size=8), st.integers(1, 50))
def test_frames_survive_any_cut(frames: list[tuple[int, bytes]], cut: int) -> None:
    stream = b"".join(wire.frame(type_, body) for type_, body in frames)
    reader = wire.FrameReader()
    found = [item for at in range(0, len(stream), cut) for item in reader.feed(stream[at : at + cut])]
    assert found == frames


def test_an_impossible_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        list(wire.FrameReader().feed(b"\xff\xff\xff\xff\x01"))


class Written:
    """A stream that remembers what was written to it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.transport = self

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


async def test_what_came_in_one_drain_crosses_in_one_piece(studio: Studio) -> None:
    """In pieces it would be sent to the other worker's viewers in pieces, at the price of a message for each."""
    forwarder, stream = studio.plane._environment.forwarder, Written()
    writer = LinkWriter(cast("asyncio.StreamWriter", stream), forwarder, studio.plane.counters)
    for frame in (b"one", b"two"):
        writer.write(frame)
    assert stream.pieces == []
    forwarder.flush()
    assert stream.pieces == [b"onetwo"]
    writer.write(b"three")
    await studio.sees(lambda: stream.pieces == [b"onetwo", b"three"], "what no datagram has caused goes by itself")
    forwarder.flush()
    assert len(stream.pieces) == 2
