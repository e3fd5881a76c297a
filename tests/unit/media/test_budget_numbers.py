"""Transport-wide numbers on what viewers get: written once for a cohort, for those who are measured alone."""

from __future__ import annotations

import pytest

from media.bwe.send_history import SendHistory
from media.cohort import renumber
from media.layer import Layer
from media.rtp.header import TRANSPORT_CC_URI, extensions, payload_offset
from media.sdp.negotiation import negotiate
from media.sdp.offer import parse_offer
from media.slot import Slot
from tests.unit.media.conftest import read_offer
from tests.unit.media.stage import DELTA, H264, KEY, OPUS, Stage, Viewer, numbers, video

NUMBER_ID = 3


def measured(slot: Slot, history: SendHistory, on: bool = True) -> Slot:
    """As the downlink does it."""
    slot.offered_number_id = NUMBER_ID
    slot.send_history = history
    slot.number_id = NUMBER_ID if on else 0
    if slot.layer is not None:
        renumber(slot.layer.cohorts, slot, None)
    return slot


def wide_numbers(packets: list[bytes]) -> list[int | None]:
    """The number of each packet, None for one that carries none."""
    found: list[int | None] = []
    for packet in packets:
        values = [
            packet[start] << 8 | packet[start + 1]
            for id_, start, length in extensions(packet)
            if (id_, length) == (NUMBER_ID, 2)
        ]
        found.append(values[0] if values else None)
    return found


def payloads(packets: list[bytes]) -> list[bytes]:
    return [packet[payload_offset(packet) :] for packet in packets]


def layer_of(stage: Stage) -> tuple[Layer, list[Viewer]]:
    publication = stage.publication("p", H264)
    return publication.layers[0], [stage.viewer() for _ in range(3)]


def test_who_is_measured_gets_numbers_and_the_others_the_same_packets_without(stage: Stage) -> None:
    layer, viewers = layer_of(stage)
    history = SendHistory()
    slots = [stage.attach(layer.publication, viewer.slot()) for viewer in viewers]
    for slot in slots[:2]:
        measured(slot, history)
    stage.feed(layer.publication, video(100, KEY), video(101), video(102))
    first, second, third = [viewer.receive(3) for viewer in viewers]
    start = wide_numbers(first)[0]
    assert start is not None
    assert wide_numbers(first) == wide_numbers(second) == [start, start + 1, start + 2]
    assert wide_numbers(third) == [None] * 3
    assert payloads(first) == payloads(third) == [KEY, DELTA, DELTA]
    assert numbers(first) == numbers(third)
    assert len(layer.cohorts) == 2
    assert all(history.holds(start + step) for step in range(3))


def test_moving_between_the_cohorts_leaves_no_seam(stage: Stage) -> None:
    layer, viewers = layer_of(stage)
    history = SendHistory()
    slots = [stage.attach(layer.publication, viewer.slot()) for viewer in viewers]
    stage.feed(layer.publication, video(100, KEY))
    for sequence in range(101, 113):
        measured(slots[sequence % 3], history, on=sequence % 2 == 0)
        stage.feed(layer.publication, video(sequence))
    assert sum(cohort.size for cohort in layer.cohorts.values()) == 3
    for viewer in viewers:
        got = numbers(viewer.receive(13))
        assert got == list(range(got[0], got[0] + 13))
    assert layer.numbers is not None


def test_a_slot_that_joins_while_it_is_measured_shares_the_numbering(stage: Stage) -> None:
    layer, viewers = layer_of(stage)
    stage.attach(layer.publication, viewers[0].slot())
    stage.feed(layer.publication, video(100, KEY))
    measured(stage.attach(layer.publication, viewers[1].slot()), SendHistory())
    stage.feed(layer.publication, video(101, KEY))
    assert numbers(viewers[0].receive(2))[1:] == numbers(viewers[1].receive(1))
    keys = list(layer.cohorts)
    assert keys[0]._replace(number_id=NUMBER_ID) == keys[1]


def test_a_late_packet_from_before_a_slots_beginning_is_not_sent_after_a_move(stage: Stage) -> None:
    """Its number may have been used with other contents, and a nonce must not be used twice."""
    layer, viewers = layer_of(stage)
    history = SendHistory()
    old = measured(stage.attach(layer.publication, viewers[0].slot()), history)
    stage.feed(layer.publication, video(100, KEY), video(102))
    assert len(viewers[0].receive(2)) == 2
    young = stage.attach(layer.publication, viewers[1].slot())
    stage.feed(layer.publication, video(103, KEY))
    measured(young, history)
    assert young.cohort is old.cohort
    stage.feed(layer.publication, video(101), video(104))
    assert numbers(viewers[1].receive(2))[-1] == numbers(viewers[0].receive(2))[-1]
    assert viewers[1].is_silent()


def test_a_resend_carries_no_number(stage: Stage) -> None:
    layer, viewers = layer_of(stage)
    slot = measured(stage.attach(layer.publication, viewers[0].slot()), SendHistory())
    stage.feed(layer.publication, video(100, KEY))
    sequence = numbers(viewers[0].receive(1))[0]
    assert slot.resend([sequence]) == (1, 0)
    (resent,) = viewers[0].resent
    assert wide_numbers([resent]) == [None]
    assert resent[12:] == sequence.to_bytes(2, "big") + KEY


def test_sound_carries_no_numbers(stage: Stage) -> None:
    publication = stage.publication("p", OPUS, "microphone")
    viewer = stage.viewer()
    stage.attach(publication, viewer.slot("audio", (OPUS,)))
    stage.feed(publication, video(1, b"sound"))
    assert wide_numbers(viewer.receive(1)) == [None]


def test_sender_reports_are_remembered_for_the_round_trip(stage: Stage) -> None:
    layer, viewers = layer_of(stage)
    stage.attach(layer.publication, viewers[0].slot())
    stage.feed(layer.publication, video(100, KEY))
    for second in range(20):
        ntp = (second << 32 | 0x80000000).to_bytes(8, "big")
        stage.forwarder.forward_report(layer, lambda *_, ntp=ntp: bytes(8) + ntp + bytes(12))
    assert len(layer.reports) == 16
    assert layer.reports[19 << 16 | 0x8000] == stage.clock.now


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_video_slots_of_browsers_are_measured_and_audio_slots_are_not(browser: str) -> None:
    for media in negotiate(parse_offer(read_offer(browser))):
        if media.is_slot:
            is_video = media.kind == "video"
            assert (TRANSPORT_CC_URI in media.extensions) is is_video
            assert all(("transport-cc" in codec.feedback) is is_video for codec in media.codecs)


def test_without_rtx_a_slot_is_not_measured() -> None:
    """A plain resend must be equal to the first sending, and numbers are not."""
    offer = read_offer("chromium").replace("rtx/90000", "red/90000")
    slots = [media for media in negotiate(parse_offer(offer)) if media.is_slot and media.kind == "video"]
    assert slots
    assert not any(media.extensions for media in slots)
    assert not any("transport-cc" in codec.feedback for media in slots for codec in media.codecs)
