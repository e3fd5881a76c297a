"""How a seat lives on: liveness, moved addresses, repeated offers, restarts of ICE, a second connection."""

from __future__ import annotations

import pytest

from media import control
from media.control import TransportState
from media.sdp.offer import parse_offer
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import CAMERA, Studio, packet_of, speak


async def test_liveness(studio: Studio) -> None:
    await studio.enter("alice")
    states = []
    for silence in (4, 3, 9, 13, 2):
        studio.clock.now += silence
        studio.second()
        states.append(studio.state("alice"))
    assert states == ["connected", "unstable", "away", "away", None]
    told = [event.state for event in studio.events if isinstance(event, control.TransportChanged)]
    assert told == ["connected", "unstable", "away", "closed"]


async def test_a_sign_of_life_brings_it_back(studio: Studio) -> None:
    alice = RawClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    await studio.sees(lambda: studio.state("alice") is TransportState.CONNECTED, "connected")
    studio.clock.now += 20
    studio.second()
    assert studio.state("alice") == "away"
    await alice.check(answer, use_candidate=False)
    studio.second()
    assert studio.state("alice") == "connected"


async def test_who_never_connects_is_freed(studio: Studio) -> None:
    studio.offer("alice", RawClient())
    studio.clock.now += 16
    studio.second()
    assert studio.state("alice") == "away"
    studio.clock.now += 16
    studio.second()
    assert studio.state("alice") is None


async def test_media_follows_a_moved_address(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), RawClient()
    answer = studio.offer("bob", bob).sdp
    await bob.connect(answer)
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    studio.clock.now += 1
    asked = _keyframes_asked(alice)
    await bob.open(answer)
    await bob.check(answer, use_candidate=True)
    await studio.sees(lambda: _keyframes_asked(alice) > asked, "a keyframe, for what was lost on the way")
    alice.send(packet_of(alice, CAMERA, 6))
    await studio.sees(lambda: len(bob.rtp) == 2, "a picture at the new address")


def _keyframes_asked(client: RawClient) -> int:
    return sum(packet[1] == 206 and packet[0] & 0x1F == 1 for packet in client.rtcp)


async def test_a_reoffer_with_more_lines_keeps_the_path(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    offer = bob.offer
    slot = offer[offer.rindex("m=video") :]
    bob.offer = offer.replace("BUNDLE 0", "BUNDLE 11 0") + slot.replace("a=mid:10", "a=mid:11")
    before = parse_offer(offer).ice_ufrag
    answer = studio.offer("bob", bob)
    assert parse_offer(bob.offer).ice_ufrag == before
    assert len(studio.plane._demux.by_ufrag) == 2, "one for each of them, as before"
    assert [item.mid for item in answer.slots if item.kind == "video"] == ["7", "8", "9", "10", "11"]
    ids = [f"p{index}:camera" for index in range(4)]
    assigned = studio.view("bob", *ids, "alice:camera")
    assert assigned.slots[-1].publication_id == "alice:camera"
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture on the new line")


async def test_lines_keep_their_source_when_another_stops(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    camera = "m=video 9"
    assert alice.offer.count(camera) > 1
    alice.offer = alice.offer.replace(camera, "m=video 0", 1).replace("BUNDLE 0 1", "BUNDLE 0")
    assert studio.offer("alice", alice).sources == {"microphone": "0", "screen": "2", "screen_audio": "3"}
    studio.view("bob", "alice:screen")
    alice.send(packet_of(alice, 2, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "the screen")


async def test_an_offer_that_wants_us_to_begin(studio: Studio) -> None:
    client = RawClient(role="server")
    answer = studio.offer("alice", client).sdp
    assert "a=setup:active" in answer
    await client.connect(answer)
    await studio.sees(lambda: studio.state("alice") is TransportState.CONNECTED, "connected with us as DTLS client")
    await speak(studio, client, "alice")


async def test_a_replacement_on_its_way_keeps_the_seat(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await alice.close()
    await studio.sees(lambda: studio.state("alice") is TransportState.AWAY, "away")
    studio.clock.now += 14
    again = RawClient()
    answer = studio.offer("alice", again).sdp
    studio.clock.now += 2
    studio.second()
    assert studio.state("alice") is TransportState.AWAY, "not freed"
    await again.connect(answer)
    await studio.sees(lambda: studio.state("alice") is TransportState.CONNECTED, "back")


async def test_ice_restart_accepts_new_credentials_and_then_only_those(studio: Studio) -> None:
    alice = RawClient()
    first = studio.offer("alice", alice)
    await alice.connect(first.sdp)
    alice.offer = alice.offer.replace(parse_offer(alice.offer).ice_ufrag, "anew")
    second = studio.offer("alice", alice)
    assert parse_offer(first.sdp).ice_ufrag != parse_offer(second.sdp).ice_ufrag
    assert first.slots == second.slots
    await alice.check(first.sdp, use_candidate=False)
    await alice.open(second.sdp)
    await alice.check(second.sdp, use_candidate=True)
    await studio.sees(lambda: studio.plane.counters["moved_when_asked"] == 1, "the new path has answered")
    with pytest.raises(TimeoutError):
        await alice.check(first.sdp, use_candidate=False, timeout_s=0.2)
    assert studio.plane.counters["dtls_connected"] == 1


async def test_a_second_connection_takes_over_when_it_carries_media(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    studio.view("alice", "bob:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    again = RawClient()
    answer = studio.offer("alice", again)
    assert next(slot.publication_id for slot in answer.slots if slot.kind == "video") == "bob:camera"
    await again.connect(answer.sdp)
    alice.send(packet_of(alice, CAMERA, 6))
    await studio.sees(lambda: len(bob.rtp) == 2, "the old path still works")
    again.send(packet_of(again, CAMERA, 900, b"\x67first"))
    await studio.sees(lambda: alice.is_closed, "the old connection is told goodbye")
    again.send(packet_of(again, CAMERA, 901, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 3, "pictures from the new connection")
    assert [
        int.from_bytes(bob.rtp[index][2:4], "big") - int.from_bytes(bob.rtp[0][2:4], "big") for index in (1, 2)
    ] == [1, 2]
    bob.send(packet_of(bob, CAMERA, 1, b"\x67key"))
    await studio.sees(lambda: len(again.rtp) == 1, "it sees bob without asking again")
    assert [event.state for event in studio.said(control.TransportChanged, participant_id="alice")] == ["connected"]  # type: ignore[attr-defined]


async def test_a_silent_second_connection_takes_over_as_well(studio: Studio) -> None:
    alice = await studio.enter("alice")
    again = RawClient()
    await again.connect(studio.offer("alice", again).sdp)
    await studio.sees(lambda: alice.is_closed, "the swap after half a second")


async def test_a_third_connection_replaces_the_second(studio: Studio) -> None:
    alice = await studio.enter("alice")
    studio.offer("alice", RawClient())
    third = RawClient()
    await third.connect(studio.offer("alice", third).sdp)
    await studio.sees(lambda: alice.is_closed, "the third took over")
    assert len(studio.plane._demux.by_ufrag) == 1


async def test_goodbye_frees_the_seat_after_a_while(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await alice.close()
    await studio.sees(lambda: studio.state("alice") is TransportState.AWAY, "away at once")
    studio.clock.now += 16
    studio.second()
    assert studio.state("alice") is None
    assert studio.plane._demux.by_address == {}


async def test_a_seat_that_left_and_comes_back_is_shown_again(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    studio.plane.close_transport(control.TransportClose(room_id="r", participant_id="alice"))
    again = await studio.enter("alice")
    again.send(packet_of(again, CAMERA, 70, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 2, "a picture again")


async def test_who_comes_back_is_shown_to_a_connection_that_is_about_to_take_over(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await studio.enter("bob")
    studio.view("bob", "alice:camera")
    again = RawClient()
    answer = studio.offer("bob", again).sdp
    studio.plane.close_transport(control.TransportClose(room_id="r", participant_id="alice"))
    alice = await studio.enter("alice")
    await again.connect(answer)
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(again.rtp) == 1, "alice's picture")


async def test_a_slot_that_a_reoffer_closes_is_left_alone_and_may_open_again(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "x:camera", "y:camera", "z:camera", "alice:camera")
    whole = bob.offer
    at = whole.rindex("m=video")
    bob.offer = whole[:at] + whole[at:].replace("a=recvonly", "a=inactive")
    answer = studio.offer("bob", bob)
    assert [item.mid for item in answer.slots if item.kind == "video"] == ["7", "8", "9"]
    assert "10" not in {
        slot.mid for slot in studio.view("bob", "x:camera", "y:camera", "z:camera", "alice:camera").slots
    }
    bob.offer = whole
    assert studio.offer("bob", bob).slots[-1].publication_id == "alice:camera"
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
