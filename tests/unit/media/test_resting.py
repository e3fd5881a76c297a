"""What publishers are told to send, and what counts as silence when they were told to send nothing."""

from __future__ import annotations

from media import control
from media.publication import FLOWING_S
from media.rtp import rtcp
from tests.unit.media.conftest import rtp
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import Studio
from tests.unit.media.test_tap_ring import Recorder
from tests.unit.media.test_uplink import with_extensions

CAMERA = "alice:camera"
RIDS = (b"q", b"h", b"f")


class Layers:
    """Alice's camera in three layers, sent by hand."""

    def __init__(self, studio: Studio, client: RawClient) -> None:
        self.studio = studio
        self.client = client
        self.active = {"q", "h", "f"}
        self._sequence = 0

    async def send(self) -> None:
        """One keyframe in each active layer."""
        counters = self.studio.plane.counters
        self._sequence += 1
        before, count = counters["rtp_in"], 0
        for index, rid in enumerate(RIDS):
            if rid.decode() in self.active:
                packet = rtp(self._sequence, self._sequence * 3000, 71 + index, b"\x67key" + rid, 108)
                self.client.send(with_extensions(packet, (4, b"1"), (10, rid)))
                count += 1
        await self.studio.sees(lambda: counters["rtp_in"] >= before + count, "the packets")

    async def pass_seconds(self, count: int, obey: bool = True) -> None:
        for _ in range(count):
            self.studio.clock.now += 1
            if obey and self.told:
                self.active = set(self.told[-1])
            await self.send()
            await self._live()
            self.studio.room.tick(self.studio.clock.now)
            self.studio.second()

    async def _live(self) -> None:
        """A browser's transport is never silent for long."""
        counters = self.studio.plane.counters
        before = counters["rtcp_in"]
        self.client.send(rtcp.write_receiver_report(1, []), is_rtcp=True)
        await self.studio.sees(lambda: counters["rtcp_in"] > before, "a report")

    @property
    def told(self) -> list[tuple[str, ...]]:
        return [
            event.rids
            for event in self.studio.said(control.PublicationLayersWanted, publication_id=CAMERA)
            if isinstance(event, control.PublicationLayersWanted)
        ]

    def flows(self) -> bool:
        return self.studio.room.publications[CAMERA].is_flowing


async def alice(studio: Studio) -> Layers:
    layers = Layers(studio, await studio.enter("alice", RawClient("chromium-simulcast")))
    await layers.send()
    return layers


def look(studio: Studio, *heights_px: int) -> None:
    pictures = tuple(control.WantedPicture(publication_id=CAMERA, height_px=height) for height in heights_px)
    studio.plane.set_view(control.ViewSet(room_id="r", participant_id="bob", pictures=pictures))


async def test_a_camera_that_nobody_looks_at_rests_and_is_still_there(studio: Studio) -> None:
    layers = await alice(studio)
    await studio.enter("bob")
    await layers.pass_seconds(10)
    assert layers.told == [()]
    assert layers.active == set()
    assert layers.flows()
    assert not studio.said(control.PublicationMedia, publication_id=CAMERA, flowing=False)
    look(studio, 90)
    studio.room.tick(studio.clock.now)
    assert layers.told == [(), ("q",)], "at once, not with the next second"


async def test_a_wanted_camera_that_sends_nothing_is_off(studio: Studio) -> None:
    layers = await alice(studio)
    bob = await studio.enter("bob")
    await layers.pass_seconds(10)
    look(studio, 90)
    studio.room.tick(studio.clock.now)
    studio.clock.now += FLOWING_S - 0.1
    studio.second()
    assert layers.flows(), "it has just been woken"
    studio.clock.now += 0.2
    studio.second()
    assert not layers.flows()
    layers.active = {"q"}
    await layers.send()
    await studio.sees(lambda: bob.rtp, "its picture when it comes after all")
    assert layers.flows()


async def test_who_does_not_listen_is_told_again(studio: Studio) -> None:
    layers = await alice(studio)
    await studio.enter("bob")
    look(studio, 90)
    await layers.pass_seconds(14, obey=False)
    assert layers.told == [("q",)] * 3


async def test_a_withdrawn_camera_may_begin_with_everything(studio: Studio) -> None:
    """Were its encodings left inactive, nothing of what it publishes next would come."""
    layers = await alice(studio)
    await layers.pass_seconds(10)
    studio.plane.end_publication(control.PublicationEnd(room_id="r", publication_id=CAMERA))
    assert layers.told == [(), ("q", "h", "f")]
    await layers.pass_seconds(2)
    assert len(layers.told) == 2


async def test_a_resting_camera_of_a_client_that_is_gone_is_off(studio: Studio) -> None:
    layers = await alice(studio)
    await layers.pass_seconds(10)
    assert layers.flows()
    for _ in range(8):
        studio.clock.now += 1
        studio.second()
    assert studio.state("alice") == "unstable"
    assert not layers.flows()
    studio.second()
    assert layers.told[-1] == ("q", "h", "f"), "when it is back it must be seen to be there"
    await layers.pass_seconds(2)
    assert layers.flows()


async def test_a_recorder_wakes_what_it_watches(studio: Studio) -> None:
    layers = await alice(studio)
    recorder = Recorder()
    studio.room.tap.join(recorder.take, recorder.close, None)
    await layers.pass_seconds(6)
    assert layers.told == [("q", "f")], "before it has said anything it may need everything, in its highest layer"
    studio.room.tap.watch(recorder.take, ["bob:camera"])
    await layers.pass_seconds(6)
    assert not any(layers.told[-1])
    studio.room.tap.watch(recorder.take, [CAMERA])
    studio.room.tick(studio.clock.now)
    assert layers.told[-1] == ("q", "f")
    assert layers.flows()


async def test_voices_never_rest(studio: Studio) -> None:
    layers = await alice(studio)
    await layers.pass_seconds(10)
    assert {event.publication_id for event in studio.events if isinstance(event, control.PublicationLayersWanted)} == {
        CAMERA
    }


async def test_when_a_layer_stops_by_itself_the_one_in_its_stead_is_not_disturbed(studio: Studio) -> None:
    """A browser that is told to send another layer begins all of them with keyframes, just when it can afford least."""
    layers = await alice(studio)
    recorder = Recorder()
    studio.room.tap.join(recorder.take, recorder.close, None)
    await layers.pass_seconds(6)
    assert layers.active == {"q", "f"}
    told = len(layers.told)
    layers.active = {"q"}
    await layers.pass_seconds(2, obey=False)
    assert set(layers.told[told:]) <= {("q", "f")}, "q is what comes meanwhile"
    await layers.pass_seconds(2, obey=False)
    assert layers.told[-1] == ("q", "h", "f"), "it stays away, so the next one is tried"
