"""Three layers of one camera, and viewers who move between them without noticing."""

from __future__ import annotations

from itertools import pairwise

from media.publication import Publication
from media.rtp import vp8
from media.slot import Slot
from tests.unit.media.conftest import rtp
from tests.unit.media.stage import DELTA, H264, KEY, VP8, Stage, numbers, timestamps, up_track

RIDS = ("q", "h", "f")
Q, H, F = range(3)
START = (100, 20_000, 65_500)  # where each layer's numbers begin
STAMP = (5_000, 4_000_000_000, 77)


class Camera:
    """Sends pictures of 1/30 s in the layers that are on; each layer is a stream of its own, as in browsers."""

    def __init__(self, stage: Stage, publication: Publication) -> None:
        self.stage = stage
        self.publication = publication
        self.active = {Q, H, F}
        self._sequence = list(START)
        self._pictures = 0
        self._asked = len(stage.plis)

    def picture(self, keyframes: bool = False, answers: bool = True) -> None:
        """One moment in every active layer; a layer that was asked for a keyframe sends one."""
        self.stage.clock.now += 1 / 30
        self._pictures += 1
        asked = {int.from_bytes(pli[8:12], "big") - 1 for pli in self.stage.plis[self._asked :]}
        self._asked = len(self.stage.plis)
        for layer in sorted(self.active):
            payload = KEY if keyframes or (answers and layer in asked) else DELTA
            self.stage.feed(self.publication, self.packet(layer, payload + bytes((layer,))), layer=layer)
        self.publication.stop_layers(self.stage.clock.now)

    def packet(self, layer: int, payload: bytes) -> bytes:
        self._sequence[layer] += 1
        timestamp = STAMP[layer] + self._pictures * 3000
        return rtp(self._sequence[layer], timestamp, layer + 1, payload, 108)


def camera(stage: Stage) -> Camera:
    publication = stage.publication("a", H264, rids=RIDS)
    publication.is_flowing = True  # as its room says with the first packet
    return Camera(stage, publication)


def attach(stage: Stage, publication: Publication, slot: Slot, height_px: int) -> Slot:
    slot.height_px = height_px
    return stage.attach(publication, slot)


def layers_of(packets: list[bytes]) -> list[int]:
    return [packet[-1] for packet in packets]


def assert_one_stream(packets: list[bytes]) -> None:
    assert [(number - numbers(packets)[0]) & 0xFFFF for number in numbers(packets)] == list(range(len(packets)))
    steps = [(after - before) & 0xFFFFFFFF for before, after in pairwise(timestamps(packets))]
    assert all(0 < step < 90_000 for step in steps), steps
    assert len({packet[8:12] for packet in packets}) == 1


def test_each_viewer_gets_the_layer_that_fills_the_picture(stage: Stage) -> None:
    sender = camera(stage)
    viewers = {height_px: stage.viewer() for height_px in (90, 360, 720, 0)}
    slots = [attach(stage, sender.publication, viewer.slot(), height) for height, viewer in viewers.items()]
    assert len(stage.plis) == 3, "each layer is asked once"
    for _ in range(3):
        sender.picture()
    assert [slot.layer.rid for slot in slots if slot.layer] == ["q", "h", "f", "f"]
    for (_, viewer), layer in zip(viewers.items(), (Q, H, F, F), strict=True):
        begin = list(range(layer))  # the lower ones came a moment earlier
        assert layers_of(viewer.receive(layer + 3)) == [*begin, layer, layer, layer]
        assert viewer.is_silent()


def test_a_switch_waits_for_the_keyframe_and_goes_on_in_numbers_and_time(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 90)
    for _ in range(3):
        sender.picture()
    slot.height_px = 720
    slot.reconsider(stage.clock.now)
    for _ in range(2):
        sender.picture(answers=False)
    assert (slot.layer, slot.target) == (sender.publication.layers[Q], sender.publication.layers[F])
    for _ in range(4):
        stage.clock.now += 0.1
        sender.publication.request_awaited(stage.clock.now)
        sender.picture()
    assert slot.awaited is None
    for height_px in (360, 90):
        slot.height_px = height_px
        slot.reconsider(stage.clock.now)
        for _ in range(2):
            stage.clock.now += 0.5
            sender.publication.request_awaited(stage.clock.now)
            sender.picture()
    got = viewer.receive(14)
    assert viewer.is_silent()
    first = layers_of(got[:10])
    assert first == sorted(first), "once and not back"
    assert set(first) == {Q, F}
    assert layers_of(got[10:]) == [H, H, Q, Q]
    changes = [after for before, after in pairwise(got) if before[-1] != after[-1]]
    assert all(packet[12:].startswith(KEY) for packet in changes), "never a picture that cannot be decoded"
    assert_one_stream(got)


def test_a_change_of_mind_before_the_keyframe_changes_nothing(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 90)
    sender.picture()
    for height_px in (720, 360, 90):
        slot.height_px = height_px
        slot.reconsider(stage.clock.now)
    assert slot.awaited is None
    assert [layer.waiting for layer in sender.publication.layers] == [[], [], []]
    sender.picture(keyframes=True)
    assert layers_of(viewer.receive(2)) == [Q, Q]


def test_a_pause_stops_at_once_and_begins_with_a_keyframe(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 90)
    sender.picture()
    slot.is_paused = True
    slot.reconsider(stage.clock.now)
    for _ in range(5):
        sender.picture(keyframes=True)
    assert (slot.layer, slot.awaited, slot.publication) == (None, None, sender.publication)
    stage.clock.now += 1
    slot.is_paused = False
    slot.reconsider(stage.clock.now)
    sender.picture()
    got = viewer.receive(2)
    assert viewer.is_silent()
    assert got[1][12:].startswith(KEY)
    assert_one_stream(got[:1])
    assert (timestamps(got)[1] - timestamps(got)[0]) & 0xFFFFFFFF > 90_000, "the pause has lasted"


def test_a_layer_that_stops_sends_its_viewers_down_at_once_and_back_when_it_comes(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 0)
    for _ in range(3):
        sender.picture()
    sender.active = {Q, H}
    asked = len(stage.plis)
    frames = 0
    while slot.layer is sender.publication.layers[F] and frames < 30:
        sender.picture()
        frames += 1
    assert 9 <= frames <= 12, "a third of a second, and a keyframe"
    assert len(stage.plis) == asked + 1
    assert slot.layer is sender.publication.layers[H]
    assert slot.target is sender.publication.layers[F], "it is still wanted"
    sender.active = {Q, H, F}
    sender.picture(keyframes=True)
    assert slot.layer is sender.publication.layers[F], "with the first packet that comes"
    got = viewer.receive(3 + 2 + 1)
    assert layers_of(got) == [F, F, F, H, H, F]
    assert_one_stream(got)


def test_of_a_layer_that_has_stopped_nothing_is_asked_again(stage: Stage) -> None:
    sender = camera(stage)
    sender.picture()
    track = up_track(sender.publication, F)
    for _ in range(3):
        sender.packet(F, DELTA)  # lost
    sender.picture()
    track.ask_again(stage.clock.now + 0.01)
    asked = stage.counters["nack_out"]
    assert asked == 3
    sender.active = {Q, H}
    for _ in range(20):
        sender.picture()
    track.ask_again(stage.clock.now)
    assert stage.counters["nack_out"] <= asked + 3, "at most once more, before it was known"
    seen = stage.counters["nack_out"]
    stage.clock.now += 0.5
    track.ask_again(stage.clock.now)
    assert stage.counters["nack_out"] == seen
    sender.active = {Q, H, F}
    sender.picture()
    track.ask_again(stage.clock.now)
    assert stage.counters["nack_out"] == seen + 3, "it goes on"


def test_a_slow_camera_is_not_taken_for_a_layer_that_stopped(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 0)
    sender.picture()
    for index in range(20):
        stage.clock.now += 0.5
        for layer in sender.publication.layers:
            layer.measure(stage.clock.now) if index % 2 else None
        stage.feed(sender.publication, sender.packet(Q, DELTA), layer=Q)
        sender.publication.stop_layers(stage.clock.now)
        if index > 3:
            assert slot.layer is sender.publication.layers[F]
        stage.feed(sender.publication, sender.packet(F, KEY), layer=F)


def test_with_sender_reports_time_goes_on_by_the_clock_of_the_sender(stage: Stage) -> None:
    """The keyframe of a large layer arrives late; by its report it is as old as the small one's picture."""
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 90)
    for layer in range(3):
        up_track(sender.publication, layer).report = (7 << 32, STAMP[layer])
    sender.picture()
    slot.height_px = 720
    slot.reconsider(stage.clock.now)
    stage.clock.now += 0.2
    late = rtp(START[F] + 9, STAMP[F] + 2 * 3000, F + 1, KEY, 108)
    stage.feed(sender.publication, late, layer=F)
    got = viewer.receive(2)
    assert (timestamps(got)[1] - timestamps(got)[0]) & 0xFFFFFFFF == 3000
    assert slot.cohort is not None
    ntp = up_track(sender.publication, F).ntp_of(timestamps(got)[1] - slot.numbering.timestamp)
    assert ntp == (7 << 32) + (6000 << 32) // 90000


def test_a_clock_that_cannot_be_true_is_not_believed(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 90)
    up_track(sender.publication, Q).report = (7 << 32, STAMP[Q])
    up_track(sender.publication, F).report = (9999 << 32, STAMP[F])
    sender.picture()
    slot.height_px = 720
    slot.reconsider(stage.clock.now)
    sender.picture(keyframes=True)
    got = viewer.receive(2)
    assert abs(((timestamps(got)[1] - timestamps(got)[0]) & 0xFFFFFFFF) - 3000) <= 1


def test_vp8_picture_ids_go_on_over_layers(stage: Stage) -> None:
    publication, viewer = stage.publication("a", VP8, rids=("q", "f")), stage.viewer()
    slot = attach(stage, publication, viewer.slot(), 90)
    stage.feed(publication, rtp(1, 3000, 1, b"\x90\xe0\x81\x00\x05\x20\x00", 96), layer=0)
    slot.height_px = 0
    slot.reconsider(stage.clock.now)
    stage.feed(publication, rtp(900, 3000, 2, b"\x90\xe0\xff\xf0\xaa\x20\x00", 96), layer=1)
    first, second = (vp8.parse(packet, 12) for packet in viewer.receive(2))
    assert second.picture_id == (first.picture_id + 1) & 0x7FFF
    assert second.tl0_picture_index == (first.tl0_picture_index + 1) & 0xFF


def test_heights_of_keyframes_decide(stage: Stage) -> None:
    """A camera of 1080 lines: its smallest layer has 270."""
    publication, viewer = stage.publication("a", H264, rids=RIDS), stage.viewer()
    slot = attach(stage, publication, viewer.slot(), 250)
    assert slot.target is publication.layers[H]
    full = bytes.fromhex("6742c028da01e0089f9610000003001000000303c8f1832a")
    stage.feed(publication, rtp(1, 0, 3, full, 108), layer=F)
    assert publication.layers[F].height == 1080
    assert slot.target is publication.layers[Q]


def test_a_client_that_comes_back_without_simulcast_is_seen(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 90)
    sender.picture()
    single = sender.publication.prepare(("",))
    assert sender.publication.layers is not single, "the old connection still sends"
    sender.picture()
    stage.attach_track(sender.publication, single, H264, 9)
    stage.feed(sender.publication, rtp(7, 0, 9, KEY, 108))
    assert slot.layer is single[0]
    assert_one_stream(viewer.receive(3))


def test_layers_that_are_looked_at(stage: Stage) -> None:
    sender = camera(stage)
    slot = attach(stage, sender.publication, stage.viewer().slot(), 90)
    sender.picture()
    now = stage.clock.now
    assert sender.publication.wanted_layers(now + 1, False) is None
    assert sender.publication.wanted_layers(now + 3, False) == ("q",)
    slot.height_px = 360
    slot.reconsider(now + 3)
    assert sender.publication.has_new_interest
    assert sender.publication.wanted_layers(now + 3.1, False) == ("q", "h")
    assert sender.publication.wanted_layers(now + 3.2, True) == ("q", "h", "f"), "a recorder takes the highest"
