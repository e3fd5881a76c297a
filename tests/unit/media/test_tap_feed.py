"""A recorder sees one layer of each publication at a time, and every picture of it."""

from __future__ import annotations

from media.publication import Publication
from media.rtp.header import FIXED_SIZE
from media.tap import SENDER_REPORT, SR
from media.tap_feed import TapFeed
from media.tap_ring import KEPT_US, TapRing
from tests.unit.media.conftest import rtp
from tests.unit.media.stage import DELTA, H264, KEY, Stage, up_track
from tests.unit.media.test_tap_ring import Recorder

Q, F = range(2)


class Tap:
    """A camera of two layers on a stage, and a recorder."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.camera: Publication = stage.publication("a", H264, rids=("q", "f"))
        self.ring = TapRing("r", stage.clock)
        self.feed = TapFeed(self.ring, stage.clock)
        self.recorder = Recorder()
        self.ring.join(self.recorder.take, self.recorder.close, None)

    def send(self, layer: int, sequence: int, payload: bytes = DELTA, recovered: bool = False) -> None:
        track = up_track(self.camera, layer)
        packet = rtp(sequence, sequence * 3000, layer + 1, payload + bytes((layer,)), 108)
        if track.receive(packet, FIXED_SIZE, self.stage.clock.now, recovered):
            self.feed.handle_packet(track, packet)

    def report(self, layer: int, ntp: int, rtp_time: int) -> None:
        track = up_track(self.camera, layer)
        track.report = ntp, rtp_time
        self.feed.handle_sender_report(track)

    @property
    def seen(self) -> list[tuple[int, int]]:
        """Layer and number of each packet."""
        return [
            (frame.body[-1], int.from_bytes(frame.body[4:6], "big"))
            for frame in self.recorder.frames
            if frame.type == 1
        ]

    @property
    def changes(self) -> list[str]:
        return [event["event"] for event in self.recorder.events]


def test_a_higher_layer_takes_over_with_its_keyframe_and_its_newest_report(stage: Stage) -> None:
    tap = Tap(stage)
    tap.send(Q, 1, KEY)
    tap.report(F, 7 << 32, 900)
    tap.report(Q, 7 << 32, 100)
    stage.clock.now += 2
    tap.send(F, 50)
    tap.send(Q, 2)
    tap.send(F, 51, KEY)
    tap.send(Q, 3, KEY)
    tap.send(F, 52)
    assert tap.seen == [(Q, 1), (Q, 2), (F, 51), (F, 52)]
    assert tap.changes == ["room", "track_added", "track_removed", "track_added"]
    reports = [SENDER_REPORT.unpack(frame.body) for frame in tap.recorder.frames if frame.type == SR]
    assert [report[0] for report in reports] == [1, 2], "the one that is followed, then the new one"
    assert reports[1] == (2, 9 << 32, 900 + 2 * 90_000), "as the sender would give it now"


def test_when_it_stops_the_lower_layer_is_asked_for_a_keyframe_and_takes_over(stage: Stage) -> None:
    tap = Tap(stage)
    tap.send(F, 1, KEY)
    for number in range(1, 20):
        stage.clock.now += 1 / 30
        tap.send(Q, number)
        tap.camera.stop_layers(stage.clock.now)
        tap.feed.ask_for_change(tap.camera, stage.clock.now)
    assert [int.from_bytes(pli[8:12], "big") for pli in stage.plis] == [Q + 1], "asked once"
    tap.send(Q, 20, KEY)
    tap.send(Q, 21)
    assert tap.seen == [(F, 1), (Q, 20), (Q, 21)]
    tap.send(F, 2, KEY)
    assert tap.seen[-1] == (F, 2)


def test_nothing_is_asked_for_while_nobody_records(stage: Stage) -> None:
    tap = Tap(stage)
    tap.ring.leave(tap.recorder.take)
    tap.send(Q, 1, KEY)
    tap.send(F, 1)
    tap.feed.ask_for_change(tap.camera, stage.clock.now)
    assert stage.plis == []


def test_a_keyframe_whose_beginning_was_resent_is_whole(stage: Stage) -> None:
    tap = Tap(stage)
    tap.send(Q, 1, KEY)
    tap.send(F, 50)
    tap.send(F, 52)
    tap.send(F, 53)
    tap.send(F, 51, KEY, recovered=True)
    tap.send(F, 54)
    assert tap.seen == [(Q, 1), (F, 51), (F, 52), (F, 53), (F, 54)]


def test_a_keyframe_is_asked_of_what_is_followed(stage: Stage) -> None:
    tap = Tap(stage)
    tap.send(F, 1, KEY)
    number = up_track(tap.camera, F).number
    tap.feed.request_keyframe([tap.camera], number + 1, stage.clock.now)
    assert stage.plis == []
    tap.feed.request_keyframe([tap.camera], number, stage.clock.now)
    assert len(stage.plis) == 1
    tap.feed.end(tap.camera)
    assert tap.changes[-1] == "track_removed"


def test_what_recorders_watch(stage: Stage) -> None:
    ring, now = TapRing("r", stage.clock), stage.clock.now
    assert ring.watched(now) == frozenset()
    first, second = Recorder(), Recorder()
    ring.join(first.take, first.close, None)
    assert ring.watched(now) is None, "it may need everything"
    ring.watch(first.take, ["a:camera"])
    ring.join(second.take, second.close, None)
    ring.watch(second.take, ["b:camera"])
    assert ring.watched(now) == frozenset({"a:camera", "b:camera"})
    ring.leave(first.take)
    assert ring.watched(now + 14) == frozenset({"a:camera", "b:camera"}), (
        "a killed recorder finds its pictures in the ring"
    )
    assert ring.watched(now + KEPT_US / 1_000_000 + 1) == frozenset({"b:camera"})
    ring.watch(first.take, ["c:camera"])
    assert ring.watched(now + 20) == frozenset({"b:camera"}), "it is not there"
