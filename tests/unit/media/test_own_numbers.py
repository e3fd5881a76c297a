"""Viewers who changed their picture one by one: each goes on with numbers of its own, and they still are one cohort."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.chunk import CHUNK
from media.cohort import Cohort
from media.lanes import Lanes
from media.publication import Publication
from media.rtp.rtcp import write_sender_report
from media.slot import Slot
from tests.unit.media.conftest import rtp
from tests.unit.media.stage import H264, KEY, OPUS, VP8, Stage, Viewer, numbers, timestamps, up_track, video

MANY = CHUNK + 3


@given(
    offsets=st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)), min_size=1, max_size=CHUNK),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
)
def test_lanes_add_as_one_would_singly(offsets: list[tuple[int, int]], sequence: int, timestamp: int) -> None:
    memory = bytearray(16 * len(offsets))
    view = memoryview(memory)
    lanes = Lanes(offsets)
    lanes.write_sequences(view.cast("H"), 1, 8, sequence)
    lanes.write_timestamps(view.cast("I"), 1, 4, timestamp)
    wanted = b"".join(
        b"\0\0" + (sequence + more & 0xFFFF).to_bytes(2, "big") + (timestamp + later & 0xFFFFFFFF).to_bytes(4, "big")
        for more, later in offsets
    )
    assert b"".join(memory[at : at + 8] for at in range(0, len(memory), 16)) == wanted
    assert not any(any(memory[at + 8 : at + 16]) for at in range(0, len(memory), 16)), "nothing else is touched"


def stir(stage: Stage, count: int) -> tuple[Publication, list[Viewer], list[Slot]]:
    """Viewers of one publication who have seen ``i`` packets of another each, and are back."""
    one, other = stage.publication("a", H264), stage.publication("b", H264)
    viewers = [stage.viewer() for _ in range(count)]
    slots = [stage.attach(other, viewer.slot()) for viewer in viewers]
    for index, (viewer, slot) in enumerate(zip(viewers, slots, strict=True)):
        stage.clock.now += 0.04
        stage.feed(other, video(index, KEY))
        other.detach(slot)
        stage.attach(one, slot)
        viewer.receive(index + 1)
    return one, viewers, slots


def cohorts(publication: Publication) -> list[Cohort]:
    return list(publication.layers[0].cohorts.values())


def test_viewers_with_numbers_of_their_own_are_one_cohort(stage: Stage) -> None:
    publication, viewers, slots = stir(stage, MANY)
    stage.feed(publication, video(65534, KEY), video(65535, KEY + bytes(300)), video(0, KEY + bytes(20)))
    (cohort,) = cohorts(publication)
    assert cohort.size == MANY
    assert len({slot.numbering for slot in slots}) == MANY
    for viewer, slot in zip(viewers, slots, strict=True):
        got = viewer.receive(3)
        assert numbers(got) == [(number + slot.numbering.sequence) & 0xFFFF for number in (65534, 65535, 0)]
        begin = 65534 * 3000 + slot.numbering.timestamp
        assert timestamps(got)[0] == begin & 0xFFFFFFFF
        assert [packet[12:] for packet in got] == [KEY, KEY + bytes(300), KEY + bytes(20)]
        assert viewer.is_silent()


def test_each_goes_on_where_it_stood(stage: Stage) -> None:
    """Whatever it is switched to: the receiver sees one stream without a hole."""
    one, viewers, slots = stir(stage, 5)
    other = stage.publication("c", H264)
    stage.feed(one, video(10, KEY))
    last = {viewer: numbers(viewer.receive(1))[0] for viewer in viewers}
    for turn in range(4):
        for index, slot in enumerate(slots):
            stage.clock.now += 0.04
            back = turn % 2 == 1
            (other if back else one).detach(slot)
            stage.attach(one if back else other, slot)
            stage.feed(one, video(11 + len(slots) * turn + index, KEY))
            stage.feed(other, video(500 + len(slots) * turn + index, KEY))
            for viewer in viewers:
                (number,) = numbers(viewer.receive(1))
                assert number == (last[viewer] + 1) & 0xFFFF
                last[viewer] = number
    assert len(cohorts(one)) == 1


def test_a_newcomer_shares_the_numbers_of_the_others(stage: Stage) -> None:
    publication, viewers, slots = stir(stage, 4)
    late = stage.viewer()
    slot = stage.attach(publication, late.slot())
    stage.feed(publication, video(1, KEY))
    (cohort,) = cohorts(publication)
    if slot.numbering == cohort.base:
        assert slot.chunk is not None
        assert slot.chunk.is_plain
    assert all(len(viewer.receive(1)) == 1 for viewer in (*viewers, late))
    assert len([chunk for chunk in cohort.chunks if not chunk.is_plain]) == 1
    publication.detach(slots[2])
    stage.feed(publication, video(2))
    for viewer, other in zip(viewers, slots, strict=True):
        assert other is slots[2] or numbers(viewer.receive(1)) == [(2 + other.numbering.sequence) & 0xFFFF]
    assert viewers[2].is_silent()


def test_resends_carry_the_numbers_of_who_asked(stage: Stage) -> None:
    publication, viewers, slots = stir(stage, 3)
    stage.feed(publication, video(1, KEY), video(2))
    for viewer, slot in zip(viewers, slots, strict=True):
        wanted = numbers(viewer.receive(2))[1]
        assert slot.resend([wanted]) == (1, 0)
        assert viewer.resent[0][12:14] == wanted.to_bytes(2, "big")
        assert slot.resend([(wanted - 2) & 0xFFFF]) == (0, 1), "that number carried the other source"


def test_sender_reports_tell_each_its_own_time(stage: Stage) -> None:
    publication, viewers, slots = stir(stage, MANY)
    stage.feed(publication, video(1, KEY))

    def build(ssrc: int, delta: int, packets: int, octets: int) -> bytes:
        return write_sender_report(ssrc, 1 << 32, (3000 + delta) & 0xFFFFFFFF, packets, octets)

    stage.forwarder.forward_report(publication.layers[0], build)
    for viewer, slot in zip(viewers, slots, strict=True):
        viewer.receive(1)
        (report,) = viewer.receive(1, rtcp=True)
        assert int.from_bytes(report[16:20], "big") == (3000 + slot.numbering.timestamp) & 0xFFFFFFFF


def test_one_broken_receiver_among_them_does_not_cost_the_others(stage: Stage) -> None:
    publication, viewers, slots = stir(stage, 3)
    stage.feed(publication, video(1, KEY))
    slots[1].transport.address = ("127.0.0.1", 0)  # the kernel refuses port 0
    assert slots[1].chunk is not None
    slots[1].chunk.readdress(slots[1])
    stage.feed(publication, video(2), video(3))
    for index in (0, 2):
        own = slots[index].numbering.sequence
        assert numbers(viewers[index].receive(3)) == [(number + own) & 0xFFFF for number in (1, 2, 3)]


def test_who_left_before_anything_was_sent_stands_where_it_stood(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the chunks of a burst people leave; packets that were lost before their first must not set them back."""
    one, viewers, slots = stir(stage, 2)
    other, third = stage.publication("c", H264), stage.publication("d", H264)
    stage.feed(one, video(1, KEY))
    stage.attach(other, stage.viewer().slot())
    stage.feed(other, video(900, KEY))
    before = numbers(viewers[0].receive(1))[0]
    one.detach(slots[0])
    stage.attach(other, slots[0])
    take = Cohort.take

    def leave_first(*arguments: object) -> list[bytes]:
        if slots[0].layer is other.layers[0]:
            other.detach(slots[0])
        return take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Cohort, "take", leave_first)
    stage.feed(other, video(950, KEY))
    monkeypatch.undo()
    stage.attach(third, slots[0])
    stage.feed(third, video(7, KEY))
    assert numbers(viewers[0].receive(1)) == [(before + 1) & 0xFFFF]


def test_who_stays_for_long_while_others_come_keeps_his_place(stage: Stage) -> None:
    """Numbers are in order over half of their range only, and everyone who comes moves the cohort's floor."""
    one, other = stage.publication("a", H264), stage.publication("b", H264)
    viewers = [stage.viewer(), stage.viewer()]
    staying, coming = (stage.attach(one, viewer.slot()) for viewer in viewers)
    last = 0
    for sequence in range(1000, 40_000, 1000):
        stage.feed(one, video(sequence, KEY))
        (last,) = numbers(viewers[0].receive(1))
        if sequence % 5000 == 0:
            one.detach(coming)
            stage.attach(one, coming)
    assert staying.resend([last]) == (1, 0)
    one.detach(staying)
    stage.attach(other, staying)
    stage.feed(other, video(7, KEY))
    assert numbers(viewers[0].receive(1)) == [(last + 1) & 0xFFFF]


def test_what_is_not_sent_yet_is_not_resent(stage: Stage) -> None:
    """If the slot left before it goes out, its number would be given away again."""
    publication, viewer = stage.publication("a", H264), stage.viewer()
    slot = stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY))
    (last,) = numbers(viewer.receive(1))
    up_track(publication).receive(video(2), 12, stage.clock.now, False)
    assert slot.resend([last + 1]) == (0, 1)
    stage.forwarder.flush()
    assert slot.resend([last + 1]) == (1, 0)


def test_voices_and_old_codecs_too(stage: Stage) -> None:
    """VP8's picture ids are part of the key: who differs in them is written for itself."""
    voices = [stage.publication(name, OPUS, "microphone") for name in "ab"]
    pictures = [stage.publication(name, VP8) for name in "ab"]
    viewers = [stage.viewer() for _ in range(3)]
    for index, viewer in enumerate(viewers):
        sound, picture = Slot(viewer.transport, "1", "audio", (OPUS,), 501, 601), viewer.slot(codecs=(VP8,))
        for own, source in ((sound, voices), (picture, pictures)):
            stage.attach(source[0], own)
            for _ in range(index + 1):
                stage.clock.now += 0.02
                first = source[0].layers[0]
                payload = b"\x90\xe0\x81" + bytes((index,)) + b"\x0a\x20\x00" if own is picture else b"opus"
                stage.feed(source[0], rtp(first._sequence + 1, first._sequence * 960, 1, payload, 96))
            source[0].detach(own)
            stage.attach(source[1], own)
    for sequence in (40, 41):
        stage.feed(voices[1], rtp(sequence, sequence * 960, 1, b"opus", 111))
        stage.feed(pictures[1], rtp(sequence, sequence * 3000, 1, b"\x90\xe0\x80\x05\x01\x20\x00", 96))
    assert len(cohorts(voices[1])) == 1
    for index, viewer in enumerate(viewers):
        got = viewer.receive(2 * (index + 1) + 4)
        for ssrc in (500, 501):
            own_numbers = numbers([packet for packet in got if int.from_bytes(packet[8:12], "big") == ssrc])
            steps = {(after - before) & 0xFFFF for before, after in pairwise(own_numbers)}
            assert steps == {1}, (index, ssrc, own_numbers)
