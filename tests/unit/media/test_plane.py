"""What a room carries: pictures by view, voices by themselves, keyframes, resends, reports."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from media import control, tap
from media.control import TransportState
from media.rtp import rtcp
from media.sdp.offer import parse_offer
from media.taps import MAX_BACKLOG
from tests.unit.media.conftest import rtp
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import CAMERA, MICROPHONE, Studio, packet_of, speak


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
            studio.room._hearing.hear(name, 25 if name == silent else 127, studio.clock.now + step / 50)
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


async def test_a_source_that_falls_silent_is_reported(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await speak(studio, alice, "alice")
    studio.clock.now += 3.5
    studio.second()
    assert studio.said(control.PublicationMedia, publication_id="alice:microphone", flowing=False, codec="opus")


async def test_a_withdrawn_source_ends_at_once_and_may_begin_anew(studio: Studio) -> None:
    """The recorder need not wait for silence; what was still on its way does not revive the source."""
    alice = await studio.enter("alice")
    await speak(studio, alice, "alice")
    frames: list[bytes] = []
    studio.room.tap.join(frames.append, lambda: None, None)
    end = control.PublicationEnd(room_id="r", publication_id="alice:microphone")
    studio.plane.end_publication(end)
    studio.plane.end_publication(end)
    assert studio.said(control.PublicationMedia, publication_id="alice:microphone", flowing=False, codec="opus")
    alice.send(packet_of(alice, MICROPHONE, 5))
    await studio.sees(lambda: studio.plane.counters["drop_withdrawn"] == 1, "the late packet is dropped")
    studio.clock.now += 1
    alice.send(packet_of(alice, MICROPHONE, 6))
    wanted = ["room", "track_removed", "track_added"]
    await studio.sees(lambda: [event["event"] for event in events_of(frames)] == wanted, "a new track begins")
    studio.plane.end_publication(control.PublicationEnd(room_id="r", publication_id="nobody:camera"))


def events_of(frames: list[bytes]) -> list[dict[str, Any]]:
    decoded = [tap.decode_frame(frame)[0] for frame in frames]
    return [json.loads(frame.body) for frame in decoded if frame is not None and frame.type == tap.EVENT]


async def test_hello_says_what_is_there(studio: Studio) -> None:
    alice = await studio.enter("alice")
    await speak(studio, alice, "alice")
    (room,) = studio.plane.media()
    (seat,) = room.participants
    assert (seat.participant_id, seat.state, seat.sources) == ("alice", "connected", ("microphone",))
    stats = studio.plane.stats()
    assert (stats["rooms"], stats["participants"], stats["connected"]) == (1, 1, 1)


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


async def test_an_encoder_without_levels_is_heard_before_silent_microphones(studio: Studio) -> None:
    encoder = await studio.enter("encoder")
    await speak(studio, encoder, "encoder")
    for name in ("ann", "ben", "cid", "dot"):
        client = await studio.enter(name)
        await speak(studio, client, name)
    for name, level in (("ann", 127), ("ben", 127), ("cid", 127), ("dot", 30)):
        for step in range(20):
            studio.room._hearing.hear(name, level, studio.clock.now - 0.4 + step * 0.02)
    heard = studio.room._hearing.audible(studio.room._flowing.values(), studio.clock.now)
    assert heard[:2] == ("dot:microphone", "encoder:microphone")
    assert set(heard[2:]) == {"ann:microphone", "ben:microphone", "cid:microphone"}
