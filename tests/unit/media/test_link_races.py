"""Links between workers when things go wrong or come in another order: seats that move, weak uplinks, restarts."""

from __future__ import annotations

from media import control
from tests.unit.media.studio import CAMERA, Studio, link, packet_of
from tests.unit.media.test_links import KEYFRAME, PICTURE, shown

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
