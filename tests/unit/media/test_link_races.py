"""Links between workers when things go wrong or come in another order: seats that move, weak uplinks, restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from media import control
from media.control import ControlModel
from media.links import wire
from media.links.outlet import Outlet
from media.listening import RoomListener
from media.room import Room
from tests.unit.media.raw_client import RawClient
from tests.unit.media.stage import H264, Stage
from tests.unit.media.studio import CAMERA, Studio, link, packet_of
from tests.unit.media.test_links import KEYFRAME, PICTURE, shown
from tests.unit.media.test_resting import Layers
from tests.unit.media.test_tap_ring import Recorder

ALICE = "alice:camera"


def unlink(studio: Studio) -> None:
    studio.plane.link_room(control.RoomLink(room_id="r", peers=(), primary=studio.room.is_primary))


async def test_who_moves_over_is_still_seen_where_he_was(studio: Studio, annex: Studio) -> None:
    """His old seat is closed after the other worker has told of the new one."""
    await shown(studio, annex)
    carol = await studio.enter("carol")
    studio.view("carol", ALICE)
    again = await annex.enter("alice")
    again.send(packet_of(again, CAMERA, 1, KEYFRAME))
    await studio.sees(lambda: studio.room.links.find(ALICE), "the new camera is announced")
    studio.plane.close_transport(control.TransportClose(room_id="r", participant_id="alice"))
    layer = annex.room.publications[ALICE].layers[0]
    await annex.sees(lambda: layer.outlets, "it is asked for")
    again.send(packet_of(again, CAMERA, 2, KEYFRAME + b"new"))
    await studio.sees(lambda: KEYFRAME + b"new" in carol.payloads(), "Carol sees it")


async def test_a_ghost_over_there_does_not_replace_who_is_here(studio: Studio, annex: Studio) -> None:
    unlink(annex)
    old = await studio.enter("alice")
    new = await annex.enter("alice")
    bob = await annex.enter("bob")
    annex.view("bob", ALICE)
    old.send(packet_of(old, CAMERA, 1, KEYFRAME))
    await studio.sees(lambda: studio.room.publications[ALICE].is_flowing, "the old one sends")
    new.send(packet_of(new, CAMERA, 1, KEYFRAME))
    await annex.sees(lambda: annex.room.publications[ALICE].is_flowing, "the new one sends, too")
    link(annex, studio, primary=False)
    await annex.sees(lambda: annex.room.links.find(ALICE), "the ghost is announced")
    seen = len(bob.rtp)
    new.send(packet_of(new, CAMERA, 2, PICTURE))
    await annex.sees(lambda: bob.payloads()[seen:] == [PICTURE], "Bob sees who is here")
    assert annex.room.publications[ALICE].link is None


async def test_what_comes_over_the_old_path_counts_no_more(studio: Studio, annex: Studio) -> None:
    """The client has moved, its old connection is given up for dead here, and then says something all the same."""
    alice, _ = await shown(studio, annex)
    new = await annex.enter("alice")
    studio.clock.now += 4
    new.send(packet_of(new, CAMERA, 1, KEYFRAME))
    await studio.sees(lambda: studio.room.publications[ALICE].link is not None, "the new one took the place")
    said = len(studio.said(control.PublicationMedia, publication_id=ALICE))
    before = studio.plane.counters["rtp_in"]
    alice.send(packet_of(alice, CAMERA, 9, PICTURE))
    await studio.sees(lambda: studio.plane.counters["rtp_in"] > before, "a late packet")
    assert len(studio.said(control.PublicationMedia, publication_id=ALICE)) == said
    assert studio.room.publications[ALICE].is_flowing
    studio.plane.close_transport(control.TransportClose(room_id="r", participant_id="alice"))
    await studio.enter("carol")
    studio.view("carol", ALICE)
    layer = annex.room.publications[ALICE].layers[0]
    await annex.sees(lambda: layer.outlets, "the new one is asked for, now that the old seat is free")


async def test_who_leaves_his_old_path_is_seen_on_the_new_one_at_once(studio: Studio, annex: Studio) -> None:
    """Before the server has closed the seat that he left behind."""
    alice, _ = await shown(studio, annex)
    new = await annex.enter("alice")
    new.send(packet_of(new, CAMERA, 1, KEYFRAME))
    await studio.sees(lambda: studio.room.links.find(ALICE), "the new one is announced")
    assert studio.room.publications[ALICE].link is None
    await alice.close()
    await studio.sees(lambda: studio.room.publications[ALICE].link is not None, "it takes the place")


async def test_who_was_taken_for_gone_is_seen_again(studio: Studio, annex: Studio) -> None:
    alice, _ = await shown(studio, annex)
    carol = await studio.enter("carol")
    studio.view("carol", ALICE)
    new = await annex.enter("alice")
    studio.clock.now += 4
    new.send(packet_of(new, CAMERA, 1, KEYFRAME))
    await studio.sees(lambda: studio.room.publications[ALICE].link is not None, "the other one took the place")
    annex.plane.close_transport(control.TransportClose(room_id="r", participant_id="alice"))
    await studio.sees(lambda: ALICE in studio.room.publications and not studio.room.publications[ALICE].link, "back")
    seen = len(carol.rtp)
    alice.send(packet_of(alice, CAMERA, 3, KEYFRAME))
    await studio.sees(lambda: carol.payloads()[seen:] == [KEYFRAME], "Carol sees him")


async def test_the_end_that_comes_late_ends_nothing_new(studio: Studio, annex: Studio) -> None:
    """Every worker of a room is told; to who has it by link, its worker may have told of the next one already."""
    alice, bob = await shown(studio, annex)
    annex.plane.end_publication(control.PublicationEnd(room_id="r", publication_id=ALICE))
    alice.send(packet_of(alice, CAMERA, 3, PICTURE))
    await annex.sees(lambda: bob.payloads() == [KEYFRAME, PICTURE], "Bob sees on")
    assert annex.room.publications[ALICE].is_flowing
    layer = studio.room.publications[ALICE].layers[0]
    annex.view("bob")
    annex.room.tick(annex.clock.now)
    annex.clock.now += 4
    annex.second()
    await studio.sees(lambda: not layer.outlets, "nobody looks")
    annex.view("bob", ALICE)
    await studio.sees(lambda: layer.outlets, "somebody looks again")


async def test_a_recorder_gets_what_a_weak_uplink_carries(studio: Studio, annex: Studio) -> None:
    """It wants the highest layer; the publisher on the other worker sends the smallest alone."""
    layers = Layers(studio, await studio.enter("alice", RawClient("chromium-simulcast")))
    recorder = Recorder()
    annex.room.tap.join(recorder.take, recorder.close, None)
    layers.active = {"q"}
    await layers.send()
    smallest = studio.room.publications[ALICE].layers[0]
    await studio.sees(lambda: smallest.outlets, "it is asked for")
    await layers.send()
    await annex.sees(lambda: recorder.packets, "it is recorded")


async def test_a_restart_of_the_numbers_is_one_there_too(studio: Studio, annex: Studio) -> None:
    alice, bob = await shown(studio, annex)
    alice.send(packet_of(alice, CAMERA, 9000, PICTURE))
    before = annex.plane.counters["rtp_linked"]
    alice.send(packet_of(alice, CAMERA, 9001, KEYFRAME))
    await annex.sees(lambda: annex.plane.counters["rtp_linked"] > before + 1 or len(bob.rtp) > 1, "what comes after")
    await annex.sees(lambda: bob.payloads() == [KEYFRAME, KEYFRAME], "Bob goes on with the keyframe")
    first, second = (int.from_bytes(packet[2:4], "big") for packet in bob.rtp)
    assert second == first + 1


def test_another_set_of_layers_is_announced(stage: Stage) -> None:
    """A client that came back without simulcast: its picture has no layer of the names that were told."""
    publication = stage.publication("a", H264, rids=("q", "h", "f"))
    publication.is_flowing = True
    frames: list[bytes] = []
    outlet = Outlet(frames.append)
    outlet.handle_flow(publication)
    frames.clear()
    track = stage.attach_track(publication, publication.prepare(("",)), H264, 9)
    outlet.handle_track(track)
    reader = wire.FrameReader()
    events = [wire.LinkEvent.model_validate_json(body) for _, body in reader.feed(b"".join(frames))]
    assert [event.publication.rids for event in events if event.publication] == [("",)]
    assert [event.track.rid for event in events if event.track] == [""]
    publication.is_flowing = False
    outlet.handle_flow(publication)
    outlet.close()


async def test_nonsense_over_a_link_costs_that_connection_only(studio: Studio, tmp_path: Path) -> None:
    about = wire.LinkedPublication(
        publication_id=ALICE, participant_id="alice", source="camera", kind="video", rids=("",)
    )
    track = wire.LinkedTrack(number=1, publication_id=ALICE, rid="", codec="H264", clock_rate=90000, payload_type=108)
    dialled: list[wire.LinkHello] = []

    async def talk(
        _room: Room, hello: wire.LinkHello, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        dialled.append(hello)
        writer.write(wire.event_frame(wire.LinkEvent(event="publication", publication=about)))
        writer.write(wire.event_frame(wire.LinkEvent(event="track", track=track)))
        writer.write(wire.packet_frame(1, b"", False))
        await reader.read()

    listener = RoomListener(
        "nonsense",
        tmp_path,
        None,
        token="t",
        hello=wire.LinkHello,
        find_room=studio.plane.rooms.get,
        talk=talk,
        counters=studio.plane.counters,
    )
    await listener.start()
    studio.plane.link_room(control.RoomLink(room_id="r", peers=(listener.address,), primary=True))
    await studio.sees(lambda: len(dialled) > 1, "another attempt")
    unlink(studio)
    await listener.close()


async def test_who_becomes_primary_says_who_speaks(studio: Studio, annex: Studio) -> None:
    """Whoever said so before may have died with somebody on his lips."""
    said: list[ControlModel] = annex.said(control.SpeakersChanged)
    assert not said
    annex.plane.link_room(control.RoomLink(room_id="r", peers=(), primary=True))
    assert annex.said(control.SpeakersChanged, participant_ids=())
