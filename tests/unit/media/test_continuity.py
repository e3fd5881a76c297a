"""A viewer sees one stream whatever is behind it: numbers, time and picture ids over switches, jumps and wraps."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media.chunk import CHUNK
from media.publication import Publication
from media.rtp import vp8
from tests.unit.media.conftest import rtp
from tests.unit.media.stage import DELTA, H264, KEY, OPUS, VP8, Stage, numbers, timestamps, up_track, video


def test_a_switch_of_source_continues_numbers_and_time(stage: Stage) -> None:
    first, second, viewer = stage.publication("a", H264), stage.publication("b", H264), stage.viewer()
    slot = stage.attach(first, viewer.slot())
    stage.feed(first, video(65000, KEY), video(65001))
    first.detach(slot)
    stage.attach(second, slot)
    stage.clock.now += 0.5
    stage.feed(first, video(65002))
    stage.feed(second, video(7), video(8, KEY), video(9))
    got = viewer.receive(4)
    base = numbers(got)[0]
    assert [(number - base) & 0xFFFF for number in numbers(got)] == [0, 1, 2, 3]
    assert (timestamps(got)[2] - timestamps(got)[1]) & 0xFFFFFFFF == 45000
    stage.feed(second, video(6))
    assert viewer.is_silent(), "a packet from before the switch would reuse a number"


def test_vp8_picture_ids_go_on_over_a_switch(stage: Stage) -> None:
    def picture(sequence: int, id_: int, tl0: int, frame: bytes = b"\x00") -> bytes:
        return rtp(sequence, sequence, 1, bytes((0x90, 0xE0, 0x80 | id_ >> 8, id_ & 0xFF, tl0, 0x20)) + frame, 96)

    first, second, viewer = stage.publication("a", VP8), stage.publication("b", VP8), stage.viewer()
    slot = stage.attach(first, viewer.slot())
    stage.feed(first, picture(1, 500, 10), picture(2, 501, 11, b"\x01"))
    first.detach(slot)
    stage.attach(second, slot)
    stage.feed(second, picture(90, 30000, 200), picture(91, 30001, 201, b"\x01"))
    found = [vp8.parse(packet, 12) for packet in viewer.receive(4)]
    assert [item.picture_id for item in found] == [500, 501, 502, 503]
    assert [item.tl0_picture_index for item in found] == [10, 11, 12, 13]


def test_vp8_picture_ids_go_on_over_a_time_with_another_codec(stage: Stage) -> None:
    publication, viewer = stage.publication("a", VP8), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, rtp(1, 0, 1, b"\x90\xe0\x81\xf4\x0a\x20\x00", 96))
    stage.track(publication, H264, 1)
    stage.feed(publication, video(2, KEY))
    stage.track(publication, VP8, 1)
    stage.feed(publication, rtp(3, 0, 1, b"\x90\xe0\x80\x05\x01\x20\x00", 96))
    first, _, last = viewer.receive(3)
    assert (vp8.parse(first, 12).picture_id, vp8.parse(last, 12).picture_id) == (500, 501)


def test_a_new_track_of_the_same_publication_waits_for_its_keyframe(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY))
    stage.track(publication, VP8, 2)
    stage.feed(publication, rtp(500, 0, 2, b"\x10\x01"), rtp(501, 0, 2, b"\x10\x00"))
    got = viewer.receive(2)
    assert [packet[1] & 0x7F for packet in got] == [108, 96]
    assert (numbers(got)[1] - numbers(got)[0]) & 0xFFFF == 1


def test_a_codec_that_changes_and_comes_back_is_one_stream_for_viewers(stage: Stage) -> None:
    publication, both, old = stage.publication("a", H264), stage.viewer(), stage.viewer()
    stage.attach(publication, both.slot())
    stage.attach(publication, old.slot(codecs=(VP8,)))
    stage.feed(publication, video(1, KEY))
    stage.clock.now += 0.1
    stage.track(publication, VP8, 1)
    stage.feed(publication, rtp(2, 12000, 1, b"\x10\x00"), rtp(3, 15000, 1, b"\x10\x01"))
    stage.clock.now += 0.1
    stage.track(publication, H264, 1)
    stage.feed(publication, video(4), video(5, KEY))
    got = both.receive(4)
    assert [packet[1] & 0x7F for packet in got] == [108, 96, 96, 108], "each from its keyframe on"
    assert [(number - numbers(got)[0]) & 0xFFFF for number in numbers(got)] == [0, 1, 2, 3]
    steps = [(after - before) & 0xFFFFFFFF for before, after in pairwise(timestamps(got))]
    assert all(0 < step <= 90000 for step in steps), steps
    assert len({packet[8:12] for packet in got}) == 1
    assert [packet[1] & 0x7F for packet in old.receive(2)] == [96, 96]
    assert old.is_silent()


def test_who_has_watched_for_long_still_gets_resends(stage: Stage) -> None:
    """Numbers are in order over half of their range only, which is some minutes of a camera."""
    publication, viewer = stage.publication("a", H264), stage.viewer()
    slot = stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY))
    assert slot.cohort is not None
    for sequence in range(1000, 140_000, 1000):
        stage.feed(publication, video(sequence))
        assert slot.resend([(sequence + slot.numbering.sequence) & 0xFFFF]) == (1, 0), sequence


def test_a_slot_near_the_wrap_gets_numbers_of_its_own(stage: Stage) -> None:
    publication, early, late = stage.publication("a", H264), stage.viewer(), stage.viewer()
    slot = stage.attach(publication, early.slot())
    stage.feed(publication, video(1, KEY))
    assert slot.cohort is not None
    near = (0xFFF0 - slot.numbering.sequence) & 0xFFFF
    stage.feed(publication, *(video(sequence) for sequence in range(1000, near, 1000)))
    newcomer = stage.attach(publication, late.slot())
    stage.feed(publication, video(near, KEY))
    assert newcomer.numbering != slot.numbering
    assert numbers(late.receive(1))[0] < 0x8000


def test_a_slot_just_behind_a_wrap_gets_numbers_of_its_own(stage: Stage) -> None:
    """What comes late from before the wrap would be its second packet, and a leap ahead of the first."""
    publication, early, late = stage.publication("a", H264), stage.viewer(), stage.viewer()
    slot = stage.attach(publication, early.slot())
    stage.feed(publication, video(1, KEY))
    assert slot.cohort is not None
    behind = (0x10002 - slot.numbering.sequence) & 0xFFFF
    stage.feed(publication, *(video(sequence) for sequence in range(1000, behind, 1000)))
    newcomer = stage.attach(publication, late.slot())
    stage.feed(publication, video(behind, KEY), video(behind - 4))
    assert newcomer.numbering != slot.numbering
    assert [number < 0x8000 for number in numbers(late.receive(1))] == [True]
    assert late.is_silent()


def test_what_comes_late_never_takes_a_number_of_another_source(stage: Stage) -> None:
    """Voices come at one pace: who heard another in between may go on exactly where the others are."""
    one, two, three = (stage.publication(name, OPUS, "microphone") for name in "abc")
    viewers = stage.viewer(), stage.viewer()
    slots = [viewer.slot("audio", (OPUS,)) for viewer in viewers]

    def voice(publication: Publication, sequence: int) -> None:
        stage.feed(publication, rtp(sequence, sequence * 750, 1, publication.participant_id.encode(), 111))

    for slot in slots:
        stage.attach(one, slot)
    voice(one, 1)
    for slot, publication in zip(slots, (two, three), strict=True):
        one.detach(slot)
        stage.attach(publication, slot)
    for sequence in range(2, 8):
        stage.clock.now += 1 / 64  # 750 samples
        if sequence != 6:
            voice(two, sequence)
        voice(three, sequence)
    three.detach(slots[1])
    stage.attach(two, slots[1])
    stage.clock.now += 1 / 64
    voice(two, 8)
    assert slots[0].cohort is slots[1].cohort, "by chance"
    voice(two, 6)
    got = viewers[1].receive(8)
    assert [packet[12:] for packet in got] == [b"a", *[b"c"] * 6, b"b"]
    assert viewers[1].is_silent(), "its number went to the other voice"


def test_a_number_is_never_forwarded_twice_with_other_contents(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, *(video(index, KEY) for index in range(2000, 3100)))
    track = up_track(publication)
    viewer.receive(1)
    sent = stage.counters["rtp_out"]
    for sequence in (3099, 2050, 2000):
        assert not track.receive(video(sequence, b"\x41forged"), 12, stage.clock.now, True)
        assert not track.receive(video(sequence, b"\x41forged"), 12, stage.clock.now, False)
    stage.forwarder.flush()
    assert stage.counters["rtp_out"] == sent


def test_numbers_that_jump_back_for_good_are_a_new_source(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, video(30000, KEY))
    for sequence in range(60):
        stage.feed(publication, video(sequence, KEY))
    got = viewer.receive(10)
    assert [(number - numbers(got)[0]) & 0xFFFF for number in numbers(got)] == list(range(10))


def test_numbers_that_jump_ahead_are_a_new_source(stage: Stage) -> None:
    """As after minutes without a grant, or behind a hole in the network."""
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY))
    stage.feed(publication, *(video(sequence) for sequence in range(2, 16000, 2000)))
    stage.clock.now += 200
    stage.feed(publication, video(44000), video(44001, KEY), video(44002))
    got = viewer.receive(11)
    assert [packet[12:] for packet in got[-2:]] == [KEY, DELTA], "from its keyframe on"
    assert (numbers(got)[-1] - numbers(got)[-3]) & 0xFFFF == 2


def test_who_would_begin_in_the_burst_in_which_numbers_jump_begins_behind_it(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, video(30000, KEY), video(60000), video(60001))
    stage.feed(publication, video(60002, KEY), video(60003))
    got = viewer.receive(2)
    assert [packet[12:] for packet in got] == [KEY, DELTA]
    assert (numbers(got)[1] - numbers(got)[0]) & 0xFFFF == 1
    assert viewer.is_silent()


def test_numbers_that_jump_while_a_burst_goes_out_end_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else who waits would begin with the former numbers and go on with these."""
    publication, viewers = stage.publication("a", H264), [stage.viewer() for _ in range(CHUNK + 1)]
    stage.attach(publication, viewers[0].slot())
    for viewer in viewers[1:]:
        stage.attach(publication, viewer.slot())
    stage.feed(publication, video(30000, KEY))
    late = stage.viewer()
    stage.attach(publication, late.slot())

    def jump(_reads: int) -> None:
        monkeypatch.undo()
        up_track(publication).receive(video(60000), 12, stage.clock.now, False)

    monkeypatch.setattr(stage.port, "drain", jump)
    stage.feed(publication, video(30001), video(30002, KEY))
    stage.feed(publication, video(60001, KEY), video(60002))
    assert [packet[12:] for packet in late.receive(2)] == [KEY, DELTA]
    assert late.is_silent()


def test_numbers_that_jump_with_every_packet_move_the_viewers_once(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, *(video(index * 5000, KEY) for index in range(50)))
    assert stage.counters["rtp_out"] <= 3
