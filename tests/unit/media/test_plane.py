"""The whole plane in this process, with raw clients on real sockets and a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from media import control, tap
from media.connection import MAX_RESENDS_PER_S
from media.control import ControlModel, TransportState
from media.errors import MediaError
from media.plane import MediaPlane
from media.room import Room
from media.rtp import rtcp
from media.rtp.header import FIXED
from media.sdp.offer import parse_offer
from media.settings import Settings
from media.taps import MAX_BACKLOG
from media.transport import MAX_CREDENTIALS, MAX_SSRCS
from tests.unit.media.conftest import FrozenClock, rtp
from tests.unit.media.raw_client import RawClient

ALL = control.Grants(audio=True, video=True, screen=True)
MICROPHONE, CAMERA = 0, 1


class Studio:
    """A plane with one room, and verbs for what clients and the server do."""

    def __init__(self, plane: MediaPlane, clock: FrozenClock, events: list[ControlModel]) -> None:
        self.plane = plane
        self.clock = clock
        self.events = events
        self.clients: list[RawClient] = []
        plane.open_room(control.RoomOpen(room_id="r", max_participants=8))

    @property
    def room(self) -> Room:
        return self.plane.rooms["r"]

    def offer(self, participant_id: str, client: RawClient, grants: control.Grants = ALL) -> control.TransportAnswer:
        if client not in self.clients:
            self.clients.append(client)
        return self.plane.offer(
            control.TransportOffer(room_id="r", participant_id=participant_id, sdp=client.offer, grants=grants)
        )

    async def enter(self, participant_id: str, client: RawClient | None = None) -> RawClient:
        client = client or RawClient()
        await client.connect(self.offer(participant_id, client).sdp)
        await self.sees(lambda: self.state(participant_id) is TransportState.CONNECTED, f"{participant_id} connected")
        return client

    def view(self, participant_id: str, *publication_ids: str) -> control.ViewAssigned:
        return self.plane.set_view(
            control.ViewSet(room_id="r", participant_id=participant_id, publication_ids=publication_ids)
        )

    def state(self, participant_id: str) -> TransportState | None:
        participant = self.room.participants.get(participant_id)
        return participant.state if participant is not None else None

    def voices(self) -> None:
        """What the clockwork does every 100 ms."""
        self.room.tick_voices(self.clock.now)

    def second(self) -> None:
        self.room.tick_second(self.clock.now)

    async def sees(self, condition: Callable[[], Any], what: str) -> None:
        try:
            async with asyncio.timeout(3):
                while not condition():  # noqa: ASYNC110 - any state of the plane may be waited for
                    await asyncio.sleep(0.002)
        except TimeoutError:
            pytest.fail(f"not seen: {what}")

    def said(self, model: type[ControlModel], **fields: Any) -> list[ControlModel]:
        return [
            event
            for event in self.events
            if isinstance(event, model) and all(getattr(event, key) == value for key, value in fields.items())
        ]


@pytest.fixture
async def studio(clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Studio]:
    settings = Settings.from_env(
        {"SERVER_URL": "http://127.0.0.1:1", "WORKER_TOKEN": "t", "MEDIA_TAP_DIR": str(tmp_path)}
    )
    events: list[ControlModel] = []
    plane = MediaPlane(settings, events.append, clock)
    await plane.start()
    made = Studio(plane, clock, events)
    yield made
    for client in made.clients:
        await client.close()
    await plane.close()


def packet_of(client: RawClient, line: int, sequence: int, payload: bytes = b"payload") -> bytes:
    """A packet of one of the lines of Chromium's captured offer."""
    media = parse_offer(client.offer).media[line]
    return rtp(sequence, sequence * 900, media.ssrcs[0], payload, 111 if media.kind == "audio" else 108)


async def speak(studio: Studio, client: RawClient, participant_id: str) -> None:
    client.send(packet_of(client, MICROPHONE, 1))
    source = f"{participant_id}:microphone"
    await studio.sees(lambda: studio.room.publications[source].is_flowing, f"{source} flows")


async def test_video_by_view_and_sound_by_itself(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    assigned = studio.view("bob", "alice:camera", "bob:camera")
    assert [slot.publication_id for slot in assigned.slots if slot.kind == "video"] == [
        "alice:camera",
        None,
        None,
        None,
    ]
    await speak(studio, alice, "alice")
    studio.voices()
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    alice.send(packet_of(alice, MICROPHONE, 2))
    await studio.sees(lambda: len(bob.rtp) == 2, "a picture and a voice")
    assert sorted(packet[1] & 0x7F for packet in bob.rtp) == [108, 111]
    assert alice.rtp == [], "nobody hears himself"
    assert studio.said(control.PublicationMedia, publication_id="alice:camera", flowing=True, codec="H264")


async def test_a_viewer_without_h264_makes_the_publisher_asked_for_vp8(studio: Studio) -> None:
    alice = await studio.enter("alice")
    old = RawClient()
    old.offer = old.offer.replace("H264/90000", "H262/90000")
    await studio.enter("old", old)
    studio.view("old", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: studio.room.publications["alice:camera"].is_flowing, "the camera flows")
    studio.second()
    wish = control.PublicationCodecWanted(room_id="r", publication_id="alice:camera", codec="VP8")
    assert studio.said(control.PublicationCodecWanted) == [wish]
    assert old.rtp == []
    ssrc = parse_offer(alice.offer).media[CAMERA].ssrcs[0]
    alice.send(rtp(6, 6 * 900, ssrc, b"\x10\x00key", 96))
    await studio.sees(lambda: len(old.rtp) == 1, "a picture")
    assert studio.room.publications["alice:camera"].codec == "VP8"
    studio.second()
    assert len(studio.said(control.PublicationCodecWanted)) == 1


async def test_three_voices_are_heard_and_the_fourth_only_when_he_speaks(studio: Studio) -> None:
    names = ["a", "b", "c", "d"]
    people = {name: await studio.enter(name) for name in names}
    listener = await studio.enter("listener")
    for name in names:
        await speak(studio, people[name], name)
    studio.voices()

    def heard() -> set[str | None]:
        current = studio.room.participants["listener"].current
        assert current is not None
        return {slot.wanted_id for slot in current.slots_of("audio")}

    assert len(heard()) == 3
    assert listener.rtp == []
    silent = next(name for name in names if f"{name}:microphone" not in heard())
    for step in range(30):
        for name in names:
            studio.room._speakers.hear(name, 25 if name == silent else 127, studio.clock.now + step / 50)
    studio.clock.now += 0.6
    before = heard()
    studio.voices()
    assert f"{silent}:microphone" in heard()
    assert len(before & heard()) == 2, "the others stay where they are"
    (spoken,) = studio.said(control.SpeakersChanged)
    assert spoken == control.SpeakersChanged(room_id="r", participant_ids=(silent,))


async def test_shared_sound_comes_before_voices(studio: Studio) -> None:
    people = [await studio.enter(name) for name in ("a", "b", "c", "d")]
    for name, person in zip("abcd", people, strict=True):
        await speak(studio, person, name)
    people[3].send(packet_of(people[3], 3, 1))
    await studio.sees(lambda: studio.room.publications["d:screen_audio"].is_flowing, "shared sound")
    studio.voices()
    current = studio.room.participants["a"].current
    assert current is not None
    assert "d:screen_audio" in {slot.wanted_id for slot in current.slots_of("audio")}


async def test_a_publication_wanted_before_it_exists(studio: Studio) -> None:
    bob = await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice = await studio.enter("alice")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "alice's picture")


async def test_keyframes_are_asked_for_and_merged(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    slot_ssrc = int.from_bytes(bob.rtp[0][8:12], "big")
    before = len(alice.rtcp)
    for _ in range(5):
        bob.send(rtcp.write_pli(1, slot_ssrc), is_rtcp=True)
    studio.plane.request_keyframe(control.KeyframeRequest(room_id="r", publication_id="alice:camera"))
    await studio.sees(lambda: studio.plane.counters["pli_in"] == 5, "five requests")
    await studio.sees(lambda: len(alice.rtcp) > before, "one goes on")
    plis = [data for data in alice.rtcp[before:] if data[1] == rtcp.PSFB]
    assert len(plis) == 1
    fir = bytes((0x84, 206, 0, 4)) + bytes(8) + slot_ssrc.to_bytes(4, "big") + bytes(4)
    bob.send(fir, is_rtcp=True)
    await studio.sees(lambda: studio.plane.counters["pli_in"] == 6, "a full intra request counts as well")


async def test_nack_is_answered_and_reports_travel(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    ssrc = int.from_bytes(bob.rtp[0][8:12], "big")
    bob.send(rtcp.write_nack(1, ssrc, [int.from_bytes(bob.rtp[0][2:4], "big")]), is_rtcp=True)
    bob.send(rtcp.write_nack(1, 12345, [1]), is_rtcp=True)
    await studio.sees(lambda: len(bob.rtp) == 2, "the resend")
    assert bob.rtp[1][14:] == b"\x67key"
    source = parse_offer(alice.offer).media[CAMERA].ssrcs[0]
    alice.send(rtcp.write_sender_report(source, 1 << 40, 4500, 1, 1), is_rtcp=True)
    await studio.sees(lambda: any(data[1] == rtcp.SR for data in bob.rtcp), "a sender report")
    (part,) = rtcp.parts(bob.rtcp[-1])
    report = rtcp.read_sender_report(bob.rtcp[-1], part)
    assert (report.ssrc, report.rtp_time, report.packets) == (ssrc, 4500, 1)


async def test_grants_act_on_the_next_packet(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    studio.plane.set_grants(control.GrantsSet(room_id="r", participant_id="alice", grants=control.Grants(audio=True)))
    assert studio.said(control.PublicationMedia, publication_id="alice:camera", flowing=False)
    alice.send(packet_of(alice, CAMERA, 6, b"\x67key"))
    await studio.sees(lambda: studio.plane.counters["drop_not_granted"] == 1, "dropped")
    assert len(bob.rtp) == 1


async def test_liveness(studio: Studio) -> None:
    await studio.enter("alice")
    states = []
    for silence in (5, 2, 9, 13, 2):
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


async def test_a_source_that_falls_silent_is_reported(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await speak(studio, alice, "alice")
    studio.clock.now += 3.5
    studio.second()
    assert studio.said(control.PublicationMedia, publication_id="alice:microphone", flowing=False, codec="opus")


async def test_media_follows_a_moved_address(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), RawClient()
    answer = studio.offer("bob", bob).sdp
    await bob.connect(answer)
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    await bob.open(answer)
    await bob.check(answer, use_candidate=True)
    alice.send(packet_of(alice, CAMERA, 6))
    await studio.sees(lambda: len(bob.rtp) == 2, "a picture at the new address")


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


async def test_a_living_address_cannot_be_taken_over(studio: Studio) -> None:
    alice, mallory = await studio.enter("alice"), RawClient()
    answer = studio.offer("mallory", mallory).sdp
    with pytest.raises(TimeoutError):
        await alice.check(answer, use_candidate=True, timeout_s=0.1)  # mallory's password from alice's address
    assert studio.plane.counters["drop_stun_taken"] == 1
    await speak(studio, alice, "alice")
    studio.clock.now += 5
    await alice.check(answer, use_candidate=True)


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


async def test_datagrams_that_do_not_decrypt_are_counted(studio: Studio) -> None:
    alice = await studio.enter("alice")
    alice.send_raw(b"\x80" * 100)
    alice.send_raw(b"\x80\xc8" + bytes(20))
    alice.send(b"\x80\xc9\0\x07\0\0\0\1", is_rtcp=True)
    await studio.sees(lambda: studio.plane.counters["drop_srtp"] == 2, "authentication failures")
    await studio.sees(lambda: studio.plane.counters["drop_malformed"] == 1, "a malformed report")
    assert studio.state("alice") is TransportState.CONNECTED


async def test_hello_says_what_is_there(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await speak(studio, alice, "alice")
    studio.view("alice", "bob:camera")
    (room,) = studio.plane.media()
    (seat,) = room.participants
    assert (seat.participant_id, seat.state, seat.sources) == ("alice", "connected", ("microphone",))
    assert next(slot.publication_id for slot in seat.slots if slot.kind == "video") == "bob:camera"
    stats = studio.plane.stats()
    assert (stats["rooms"], stats["participants"], stats["connected"]) == (1, 1, 1)


async def test_refusals(studio: Studio) -> None:
    def code(call: Callable[[], object]) -> str:
        with pytest.raises(MediaError) as caught:
            call()
        return caught.value.code

    def offer(**changes: Any) -> Callable[[], object]:
        message = control.TransportOffer(room_id="r", participant_id="x", sdp=RawClient().offer, grants=ALL)
        return lambda: studio.plane.offer(message.model_copy(update=changes))

    assert code(offer(sdp="v=0\r\n")) == "bad_sdp"
    assert code(offer(room_id="else")) == "unknown_room"
    assert code(offer(sdp=RawClient().offer.replace("opus", "x").replace("H264", "x").replace("VP8", "x"))) == (
        "no_usable_media"
    )
    assert studio.room.participants == {}, "a refused offer leaves no seat"
    assert studio.plane._demux.by_ufrag == {}, "and no credentials"
    assert code(lambda: studio.view("nobody")) == "unknown_participant"
    for index in range(8):
        studio.offer(f"p{index}", RawClient())
    assert code(offer()) == "room_full"


async def test_closing_a_room_closes_everything(studio: Studio) -> None:
    alice = await studio.enter("alice")
    studio.plane.close_room(control.RoomClose(room_id="r"))
    studio.plane.close_room(control.RoomClose(room_id="r"))
    await studio.sees(lambda: alice.is_closed, "alice is told")
    assert studio.plane._demux.by_ufrag == {}
    assert studio.plane._demux.by_address == {}
    assert studio.said(control.TransportChanged, participant_id="alice", state=TransportState.CLOSED)


async def test_sound_begins_with_the_connection_and_goes_out_from_the_second_packet_on(studio: Studio) -> None:
    """Neither waits for the tick that ranks the voices."""
    early = await studio.enter("early")
    alice = await studio.enter("alice")
    await speak(studio, alice, "alice")
    assert alice.rtp == [], "nobody hears himself"
    late = await studio.enter("late")
    alice.send(packet_of(alice, MICROPHONE, 2))
    await studio.sees(lambda: len(late.rtp) == 1, "the late one hears")
    await studio.sees(lambda: len(early.rtp) == 1, "so does the early one")


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


async def test_ssrcs_of_a_client_are_bounded_before_they_cost_memory(studio: Studio) -> None:
    alice = await studio.enter("alice")
    for ssrc in range(1, 2 * MAX_SSRCS + 1):
        alice.send(rtp(1, ssrc=ssrc))
    await studio.sees(lambda: studio.plane.counters["drop_ssrcs"] == MAX_SSRCS, "those beyond the limit are dropped")


async def test_restarts_that_nobody_follows_leave_nothing_behind(studio: Studio) -> None:
    alice = RawClient()
    first = studio.offer("alice", alice).sdp
    await alice.connect(first)
    ufrag = parse_offer(alice.offer).ice_ufrag
    for index in range(20):
        alice.offer = alice.offer.replace(ufrag, f"new{index}")
        ufrag = f"new{index}"
        last = studio.offer("alice", alice).sdp
    assert len(studio.plane._demux.by_ufrag) == MAX_CREDENTIALS
    await alice.check(first, use_candidate=False)
    await alice.check(last, use_candidate=True)
    assert len(studio.plane._demux.by_ufrag) == 1


async def test_a_forged_dtls_record_is_no_sign_of_life(studio: Studio) -> None:
    alice = await studio.enter("alice")
    studio.clock.now += 7
    alice.send_raw(b"\x17" + bytes(30))
    alice.send_raw(b"\x80" * 100)
    await studio.sees(lambda: studio.plane.counters["drop_srtp"] == 1, "both have come")
    studio.second()
    assert studio.state("alice") is TransportState.UNSTABLE


async def test_resends_are_limited(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    _, _, number, _, ssrc = FIXED.unpack_from(bob.rtp[0])
    asked = 0
    while asked <= MAX_RESENDS_PER_S:
        bob.send(rtcp.write_nack(1, ssrc, [number] * 60), is_rtcp=True)
        asked += 60
    await studio.sees(lambda: studio.plane.counters["drop_resend_rate"] == asked - MAX_RESENDS_PER_S, "the rest is not")
    assert studio.plane.counters["resent"] == MAX_RESENDS_PER_S
    studio.clock.now += 1
    bob.send(rtcp.write_nack(1, ssrc, [number]), is_rtcp=True)
    await studio.sees(lambda: studio.plane.counters["resent"] == MAX_RESENDS_PER_S + 1, "a second later it is")


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


async def test_a_recorder_gets_a_ring_that_is_larger_than_its_backlog(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await speak(studio, alice, "alice")
    first = studio.room.tap._sequence
    packet = rtp(1, payload=bytes(1200))
    for _ in range(MAX_BACKLOG // 1200 + 1000):
        studio.room.tap.append_rtp(1, packet)
    last = studio.room.tap._sequence
    address = studio.plane.media()[0].tap.removeprefix("unix:")
    reader, writer = await asyncio.open_unix_connection(address, limit=1 << 20)
    writer.write(tap.TapHello(token="t", room_id="r", after=first).model_dump_json().encode() + b"\n")
    buffer, offset, reached = bytearray(), 0, 0
    while reached < last:
        data = await reader.read(1 << 20)
        assert data, "not cut off"
        buffer += data
        frame, offset = tap.decode_frame(buffer, offset)
        while frame is not None:
            reached = frame.sequence
            frame, offset = tap.decode_frame(buffer, offset)
    assert studio.plane.counters["tap_overrun"] == 0
    writer.close()
    await writer.wait_closed()


async def test_speakers_are_repeated_for_a_new_server(studio: Studio) -> None:
    studio.plane.repeat_speakers()
    assert studio.said(control.SpeakersChanged) == [control.SpeakersChanged(room_id="r", participant_ids=())]
