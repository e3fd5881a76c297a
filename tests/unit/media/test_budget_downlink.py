"""A viewer's budget on a whole plane: what its client says, what it is sent then, and what the server is told."""

from __future__ import annotations

import random

from media import control
from media.bwe.send_history import MASK
from media.bwe.transport_cc import TransportCcFeedback
from media.control import QualityLevel
from media.downlink import Downlink
from media.rtp import rtcp
from media.rtp.header import extensions
from media.slot import Slot
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import CAMERA, Studio, packet_of, speak

KEY, DELTA = b"\x67sps", b"\x41" + bytes(500)
NUMBER_ID = 3  # in Chromium's captured offer


class Scene:
    """Alice sends a picture that Bob looks at."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.sequence = 0
        self.feedback = TransportCcFeedback(9)
        self._heard = 0

    async def begin(self) -> Scene:
        self.alice = await self.studio.enter("alice")
        self.bob = await self.studio.enter("bob")
        self.studio.view("bob", "alice:camera")
        await self.show(KEY)
        return self

    @property
    def downlink(self) -> Downlink:
        connection = self.studio.room.participants["bob"].current
        assert connection is not None
        return connection.downlink

    @property
    def slot(self) -> Slot:
        return next(slot for slot in self.downlink.slots if slot.wanted_id == "alice:camera")

    async def show(self, payload: bytes = DELTA, reaches_bob: bool = True) -> None:
        """One packet of Alice's, at Bob's when that is expected."""
        self.sequence += 1
        before, sent = len(self.bob.rtp), self.studio.plane.counters["rtp_in"]
        self.alice.send(packet_of(self.alice, CAMERA, self.sequence, payload))
        await self.studio.sees(lambda: self.studio.plane.counters["rtp_in"] > sent, "the packet is in")
        if reaches_bob:
            await self.studio.sees(lambda: len(self.bob.rtp) > before, "bob has the packet")

    def tick(self, seconds: float = 0.1) -> None:
        self.studio.clock.now += seconds
        self.studio.voices()

    async def report(self, message: bytes) -> None:
        """RTCP of Bob's."""
        before = self.studio.plane.counters["rtcp_in"]
        self.bob.send(message, is_rtcp=True)
        await self.studio.sees(lambda: self.studio.plane.counters["rtcp_in"] > before, "the report is in")

    async def send_feedback(self, delay_s: float = 0.02) -> None:
        """What a browser would say of everything that came since the last time."""
        history = self.studio.room.send_history
        for packet in self.bob.rtp[self._heard :]:
            number = wide_number(packet)
            if number is not None:
                sent_us = history.times_us[number & MASK]
                self.feedback.receive(number, sent_us + int(delay_s * 1_000_000))
        self._heard = len(self.bob.rtp)
        for message in self.feedback.build(self.slot.ssrc):
            await self.report(message)

    async def live_without_feedback(self, seconds: int, reaches_bob: bool = True) -> None:
        """Pictures alone."""
        for _ in range(2 * seconds):
            self.tick(0.5)
            await self.show(reaches_bob=reaches_bob)

    async def live(self, seconds: float) -> None:
        """Pictures and feedback for a while."""
        for _ in range(round(seconds * 10)):
            for _ in range(3):
                self.studio.clock.now += 0.03
                await self.show()
            await self.send_feedback()
            self.tick(0.01)


def wide_number(packet: bytes) -> int | None:
    found = [packet[at] << 8 | packet[at + 1] for id_, at, _ in extensions(packet) if id_ == NUMBER_ID]
    return found[0] if found else None


async def test_a_new_viewer_is_measured_for_some_seconds_and_then_now_and_then(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(3)
    assert scene.downlink.budget.has_feedback
    assert wide_number(scene.bob.rtp[-1]) is not None
    scene.downlink.budget.estimator.found(10_000_000)
    await scene.live(4)
    numbered = 0
    for _ in range(400):
        await scene.live(0.1)
        numbered += any(wide_number(packet) for packet in scene.bob.rtp[-3:])
    assert not scene.slot.is_paused
    assert 10 <= numbered <= 60, "one second in twenty"


async def test_who_complains_is_measured_at_once(studio: Studio) -> None:
    """A path that became narrow while it rested must not wait for the next look at it."""
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(3)
    scene.downlink.budget.estimator.found(10_000_000)
    await scene.live(4)
    while wide_number(scene.bob.rtp[-1]) is not None:
        await scene.live(0.1)
    await scene.live(0.5)
    lost = rtcp.ReportBlock(scene.slot.ssrc, 26, 10, scene.sequence, 0, 0, 0)
    await scene.report(rtcp.write_receiver_report(9, [lost]))
    scene.tick(0.1)
    await scene.show()
    assert wide_number(scene.bob.rtp[-1]) is not None


async def test_a_round_trip_is_read_from_receiver_reports(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    media_ssrc = int.from_bytes(packet_of(scene.alice, CAMERA, 1)[8:12], "big")
    scene.alice.send(rtcp.write_sender_report(media_ssrc, 7 << 32, 900, 1, 100), is_rtcp=True)
    await studio.sees(lambda: any(rtcp_type(packet) == rtcp.SR for packet in scene.bob.rtcp), "bob has the report")
    (report,) = [packet for packet in scene.bob.rtcp if rtcp_type(packet) == rtcp.SR]
    last_sr = int.from_bytes(report[10:14], "big")
    studio.clock.now += 1.25
    block = rtcp.ReportBlock(scene.slot.ssrc, 0, 0, 1, 0, last_sr, 65536)
    before = scene.downlink.budget.estimator.rtt_s
    await scene.report(rtcp.write_receiver_report(9, [block]))
    assert before < scene.downlink.budget.estimator.rtt_s <= 0.25
    await scene.report(rtcp.write_receiver_report(9, [block._replace(last_sr=12345)]))
    assert scene.downlink.budget.estimator.rtt_s <= 0.25


async def test_what_a_publisher_lost_is_not_held_against_his_viewers(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(2)
    before = scene.downlink.budget.estimator.bps
    studio.clock.now += 2.5  # his address moves: neither pictures nor feedback
    scene.sequence += 100
    await scene.show()
    lost = rtcp.write_receiver_report(9, [rtcp.ReportBlock(scene.slot.ssrc, 200, 100, 1, 0, 0, 0)])
    await scene.report(lost)
    assert scene.downlink.budget.estimator.bps == before
    await scene.live_without_feedback(5)
    await scene.report(lost)
    assert scene.downlink.budget.estimator.bps < before, "this one was lost behind us"


async def test_what_went_to_a_left_address_is_not_held_against_the_new_path(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(2)
    before = scene.downlink.budget.estimator.bps
    studio.clock.now += 2.5
    scene.downlink.handle_moved()
    await scene.report(rtcp.write_receiver_report(9, [rtcp.ReportBlock(scene.slot.ssrc, 200, 100, 1, 0, 0, 0)]))
    assert scene.downlink.budget.estimator.bps == before


async def test_what_was_lost_before_a_rest_is_not_held_against_what_comes_after_it(studio: Studio) -> None:
    """The last packets before a rest are missed only when the next have come, and the report of then tells of both."""
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(2)
    before = scene.downlink.budget.estimator.bps
    studio.plane.set_quality(control.QualitySet(room_id="r", participant_id="bob", level=QualityLevel.AUDIO))
    await scene.live_without_feedback(5, reaches_bob=False)
    studio.plane.set_quality(control.QualitySet(room_id="r", participant_id="bob", level=None))
    await scene.show(KEY)
    number = int.from_bytes(scene.bob.rtp[-1][2:4], "big")
    lost = rtcp.ReportBlock(scene.slot.ssrc, 200, 100, number - 1, 0, 0, 0)
    await scene.report(rtcp.write_receiver_report(9, [lost]))
    await scene.report(rtcp.write_receiver_report(9, [lost._replace(highest_sequence=0x10000 + number)]))
    assert scene.downlink.budget.estimator.bps == before
    await scene.report(rtcp.write_receiver_report(9, [lost._replace(highest_sequence=0x10000 + number + 1)]))
    assert scene.downlink.budget.estimator.bps < before, "the next one tells of what came after it alone"


async def test_a_picture_that_was_elsewhere_for_a_moment_is_judged_by_its_next_report(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(2)
    before = scene.downlink.budget.estimator.bps
    for level in (QualityLevel.AUDIO, None):
        studio.plane.set_quality(control.QualitySet(room_id="r", participant_id="bob", level=level))
        scene.tick(0.05)
    await scene.show(KEY)
    number = int.from_bytes(scene.bob.rtp[-1][2:4], "big")
    studio.clock.now += 2.5  # without feedback, which would know better
    await scene.report(rtcp.write_receiver_report(9, [rtcp.ReportBlock(scene.slot.ssrc, 200, 100, number, 0, 0, 0)]))
    assert scene.downlink.budget.estimator.bps < before


async def test_what_was_lost_before_a_source_rested_is_not_held_against_what_comes_after_it(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(2)
    before = scene.downlink.budget.estimator.bps
    studio.clock.now += 2.5  # her camera was off
    await scene.show(KEY)
    number = int.from_bytes(scene.bob.rtp[-1][2:4], "big")
    lost = rtcp.ReportBlock(scene.slot.ssrc, 200, 100, number, 0, 0, 0)
    await scene.report(rtcp.write_receiver_report(9, [lost]))
    assert scene.downlink.budget.estimator.bps == before


def rtcp_type(packet: bytes) -> int:
    return packet[1]


async def test_a_path_that_is_too_narrow_pauses_the_picture_and_tells(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(1.5)
    studio.second()
    budget = scene.downlink.budget
    for _ in range(12):
        budget.estimator.limit(30_000, studio.clock.now)
        budget.estimator.bps = 30_000
        budget.estimator.congested_at = studio.clock.now
        scene.tick()
    (paused,) = studio.said(control.SlotsChanged, participant_id="bob")
    assert isinstance(paused, control.SlotsChanged)
    assert [(slot.publication_id, slot.paused) for slot in paused.slots] == [("alice:camera", True)]
    changed = studio.said(control.QualityChanged, participant_id="bob")[0]
    assert isinstance(changed, control.QualityChanged)
    assert (changed.level, changed.chosen) == (QualityLevel.AUDIO, False)
    assert changed.budget_bps >= 30_000
    assert scene.slot.layer is None
    await scene.show(reaches_bob=False)
    before = len(studio.said(control.QualityChanged, participant_id="bob"))
    studio.plane.repeat_speakers()
    assert len(studio.said(control.QualityChanged, participant_id="bob")) == before + 1, "a new server is told again"


async def test_levels_that_are_chosen_by_hand(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    await speak(studio, scene.alice, "alice")
    studio.voices()
    hears = next(slot for slot in scene.downlink.slots if slot.kind == "audio")
    assert hears.target is not None

    def choose(level: QualityLevel | None) -> tuple[bool, bool]:
        studio.plane.set_quality(control.QualitySet(room_id="r", participant_id="bob", level=level))
        return scene.slot.is_paused, hears.target is None

    assert choose(QualityLevel.TEXT) == (True, True)
    assert choose(QualityLevel.AUDIO) == (True, False)
    assert choose(QualityLevel.STAGE) == (False, False)
    assert choose(None) == (False, False)
    said = [
        (event.level, event.chosen)
        for event in studio.said(control.QualityChanged, participant_id="bob")
        if isinstance(event, control.QualityChanged)
    ]
    assert said == [
        (QualityLevel.TEXT, True),
        (QualityLevel.AUDIO, True),
        (QualityLevel.STAGE, True),
        (QualityLevel.FULL, False),
    ]


async def test_a_choice_stays_with_the_seat_when_the_connection_changes(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    studio.plane.set_quality(control.QualitySet(room_id="r", participant_id="bob", level=QualityLevel.AUDIO))
    again = RawClient()
    await studio.enter("bob", again)
    await studio.sees(lambda: studio.room.participants["bob"].current is not None, "a seat")
    scene.tick()
    assert scene.downlink.allocator.ladder.cap is QualityLevel.AUDIO


async def test_hostile_feedback_hurts_nobody(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.tick()
    await scene.live(1)
    random_ = random.Random(1)
    for _ in range(300):
        words = random_.randrange(1, 60)
        body = (9).to_bytes(4, "big") + random_.randbytes(4 * words - 4)
        await scene.report(bytes((0x8F, 205)) + words.to_bytes(2, "big") + body)
    lie = TransportCcFeedback(9)
    for number in range(0, 60_000, 7):
        lie.receive(number & 0xFFFF, number)
    for message in lie.build(scene.slot.ssrc):
        await scene.report(message)
    assert studio.plane.counters["drop_malformed"] > 100
    assert studio.plane.counters["fault_packet"] == 0
    before = len(scene.bob.rtp)
    await scene.show()
    assert len(scene.bob.rtp) > before


async def test_feedback_before_anything_was_numbered_is_nothing(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    lie = TransportCcFeedback(9)
    lie.receive(5, 1000)
    await scene.report(lie.build(scene.slot.ssrc)[0])
    assert studio.plane.counters["fault_packet"] == 0


async def test_who_comes_out_of_a_tunnel_gets_a_keyframe_at_once(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    asked = studio.plane.counters["pli_out"]
    missing = rtcp.write_nack(9, scene.slot.ssrc, [1])
    for pause_s in (1.0, 2.0):
        studio.clock.now += pause_s
        await scene.report(missing)
    assert studio.plane.counters["pli_out"] == asked, "that was no tunnel"
    studio.clock.now += 10.0
    await scene.report(missing)
    await studio.sees(lambda: studio.plane.counters["pli_out"] == asked + 1, "alice is asked")
