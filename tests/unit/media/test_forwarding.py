"""From an accepted packet to datagrams on real sockets: cohorts, resends, reports, one broken receiver."""

from __future__ import annotations

import gc
from types import FunctionType

import pytest
from pylibsrtp import Session

from media.chunk import CHUNK, KEPT_CONTEXTS
from media.fanout import MAX_BURST
from media.sendmmsg import MessageTable, SegmentControl
from media.slot import Slot
from tests.unit.media.conftest import rtp
from tests.unit.media.stage import DELTA, H264, KEY, OPUS, VP8, Stage, numbers, up_track, video


def test_a_viewer_begins_with_a_keyframe_and_misses_nothing_after_it(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    assert len(stage.plis) == 1, "asked for at once"
    stage.feed(publication, video(1))
    stage.feed(publication, video(2), video(3, KEY), video(4), video(5))
    stage.feed(publication, video(6))
    got = viewer.receive(4)
    assert [packet[12:] for packet in got] == [KEY, DELTA, DELTA, DELTA]
    assert {packet[1] & 0x7F for packet in got} == {108}
    assert {int.from_bytes(packet[8:12], "big") for packet in got} == {500}
    assert [(number - numbers(got)[0]) & 0xFFFF for number in numbers(got)] == [0, 1, 2, 3]
    assert numbers(got)[0] < 0x8000
    assert viewer.is_silent()


def test_many_viewers_share_one_cohort_and_all_get_every_packet(stage: Stage) -> None:
    publication = stage.publication("a", H264)
    viewers = [stage.viewer() for _ in range(CHUNK + 6)]
    slots = [stage.attach(publication, viewer.slot()) for viewer in viewers]
    sizes = (900, 900, 400, 30, 900)
    stage.feed(publication, *(video(index, KEY + bytes(size)) for index, size in enumerate(sizes)))
    assert len(publication.layers[0].cohorts) == 1
    (cohort,) = publication.layers[0].cohorts.values()
    assert [len(chunk.members) for chunk in cohort.chunks] == [CHUNK, 6]
    first = viewers[0].receive(5)
    assert [len(packet) - 12 - len(KEY) for packet in first] == list(sizes)
    for viewer in viewers[1:]:
        assert viewer.receive(5) == first
    publication.detach(slots[3])
    late = stage.viewer()
    stage.attach(publication, late.slot())
    stage.feed(publication, video(5, KEY))
    assert cohort.size == CHUNK + 6
    assert len(publication.layers[0].cohorts) == 1, "the late one takes over the numbering"
    assert viewers[3].is_silent()
    assert late.receive(1) == viewers[CHUNK + 5].receive(1) == viewers[0].receive(1)


def test_bursts_of_any_length_leave_no_table_for_each(stage: Stage) -> None:
    publication = stage.publication("a", H264)
    viewers = [stage.viewer() for _ in range(4)]
    for viewer in viewers:
        stage.attach(publication, viewer.slot())
    sequence = 0
    for length in range(1, MAX_BURST + 1):
        stage.feed(publication, *(video(sequence + index, KEY + bytes(100)) for index in range(length)))
        sequence += length
        for viewer in viewers:
            assert len(viewer.receive(length)) == length
    (cohort,) = publication.layers[0].cohorts.values()
    assert len(cohort.chunks[0]._contexts) == (KEPT_CONTEXTS if stage.forwarder.control is not None else 0)


def test_sound_passes_between_the_chunks_of_a_picture(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, voice = stage.publication("a", H264), stage.publication("a", OPUS, "microphone")
    viewers = [stage.viewer() for _ in range(CHUNK + 1)]
    for viewer in viewers:
        stage.attach(picture, viewer.slot())
    audio_slot = Slot(viewers[-1].transport, "4", "audio", (OPUS,), 501, 601)
    stage.attach(voice, audio_slot)
    arrivals = [rtp(9, payload_type=111)]

    def drain(_reads: int = 0) -> None:
        """A packet of sound comes in while the picture goes out."""
        if arrivals:
            up_track(voice).receive(arrivals.pop(), 12, stage.clock.now, False)

    monkeypatch.setattr(stage.port, "drain", drain)
    stage.feed(picture, video(1, KEY), video(2))
    assert [packet[1] & 0x7F for packet in viewers[-1].receive(3)] == [111, 108, 108]
    assert [packet[1] & 0x7F for packet in viewers[0].receive(2)] == [108, 108]


def test_a_flood_that_comes_in_while_a_burst_goes_out_ends_the_burst(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = stage.publication("a", H264)
    for _ in range(CHUNK):
        stage.attach(publication, stage.viewer().slot())
    sequence = 1

    def drain(_reads: int = 0) -> None:
        nonlocal sequence
        stage.clock.now += 0.01
        sequence += 1
        up_track(publication).receive(video(sequence), 12, stage.clock.now, False)

    monkeypatch.setattr(stage.port, "drain", drain)
    stage.feed(publication, video(1, KEY))
    assert sequence < 20, "the loop gets its turn"
    assert stage.counters["rtp_out"] == CHUNK * sequence, "and everything went out"


def test_vp8_is_wanted_for_who_cannot_take_h264_and_h264_again_when_he_left(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    publication.sendable = frozenset({"H264", "VP8"})
    stage.attach(publication, viewer.slot())
    assert publication.wanted_codec(100) is None
    old = stage.attach(publication, viewer.slot(codecs=(VP8,)))
    assert publication.wanted_codec(101) == "VP8"
    stage.track(publication, VP8, 1)
    stage.feed(publication, rtp(2, 0, 1, b"\x10\x00"))
    assert [publication.wanted_codec(now) for now in (102, 200)] == [None, None], "he watches, and all is well"
    publication.detach(old)
    assert [publication.wanted_codec(now) for now in (229, 230)] == [None, "H264"]


def test_nobody_is_asked_for_who_is_not_connected(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    publication.sendable = frozenset({"H264", "VP8"})
    viewer.transport.is_connected = False
    stage.attach(publication, viewer.slot(codecs=(VP8,)))
    assert publication.wanted_codec(100) is None
    viewer.transport.is_connected = True
    assert publication.wanted_codec(101) == "VP8"


def test_who_cannot_take_the_codec_gets_nothing_and_asks_for_nothing(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot(codecs=(VP8,)))
    stage.feed(publication, video(1, KEY))
    assert viewer.is_silent()
    assert stage.plis == []
    assert not publication.layers[0].is_awaited


def test_sound_needs_no_keyframe(stage: Stage) -> None:
    publication, viewer = stage.publication("a", OPUS, "microphone"), stage.viewer()
    stage.attach(publication, viewer.slot("audio", (OPUS,)))
    stage.feed(publication, rtp(1, payload_type=111), rtp(2, payload_type=111))
    assert len(viewer.receive(2)) == 2


def test_a_resend_is_what_was_sent_in_an_rtx_packet(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    slot = stage.attach(publication, viewer.slot())
    stage.feed(publication, video(65535, KEY), video(0), video(1))
    got = viewer.receive(3)
    wanted = numbers(got)[1]
    before = (numbers(got)[0] - 1) & 0xFFFF
    assert slot.resend([wanted, before, (wanted + 9) & 0xFFFF]) == (1, 2)
    (resent,) = viewer.resent
    assert resent[1] & 0x7F == 109
    assert int.from_bytes(resent[8:12], "big") == 600
    assert resent[12:14] == wanted.to_bytes(2, "big")
    assert resent[14:] == DELTA
    publication.detach(slot)
    assert slot.resend([wanted]) == (0, 1)


def test_one_broken_receiver_does_not_cost_the_others(stage: Stage) -> None:
    publication = stage.publication("a", H264)
    good, bad, other = (stage.viewer() for _ in range(3))
    for viewer in (good, bad, other):
        stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY))
    broken = Session()  # no stream: libsrtp refuses to protect
    bad.transport.tx = broken._srtp[0]
    for cohort in publication.layers[0].cohorts.values():
        for chunk in cohort.chunks:
            chunk._contexts.clear()
    stage.feed(publication, video(2), video(3))
    assert len(good.receive(3)) == len(other.receive(3)) == 3
    assert stage.counters["drop_protect"] == 2


def test_a_refused_message_is_sent_packet_by_packet(stage: Stage) -> None:
    publication = stage.publication("a", H264)
    good, nowhere, other = (stage.viewer() for _ in range(3))
    nowhere.transport.address = ("127.0.0.1", 0)  # the kernel refuses port 0
    for viewer in (good, nowhere, other):
        stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY + b"12345"), video(2))
    assert len(good.receive(2)) == len(other.receive(2)) == 2
    assert stage.counters["drop_send"] == 2
    assert stage.counters["sends_refused"] == (1 if stage.forwarder.control is not None else 0)


def test_message_tables_leave_nothing_behind() -> None:
    def make_and_count() -> int:
        """Functions stand for what cffi keeps of a library each time it is opened."""
        MessageTable(4, SegmentControl())
        gc.collect()
        return sum(isinstance(item, FunctionType) for item in gc.get_objects())

    counts = [make_and_count() for _ in range(4)]
    assert counts[1:] == counts[1:2] * 3


def test_a_device_that_cannot_segment_gets_single_datagrams(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.sendmmsg.MessageTable.send", lambda _self, _fd, count: (0, list(range(count))))
    publication = stage.publication("a", H264)
    viewers = [stage.viewer() for _ in range(3)]
    for viewer in viewers:
        stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY), video(2, KEY), video(3))
    first = viewers[0].receive(3)
    assert [packet[12:] for packet in first] == [KEY, KEY, DELTA]
    assert all(viewer.receive(3) == first for viewer in viewers[1:])


def test_an_address_moves(stage: Stage) -> None:
    publication, viewer, elsewhere = stage.publication("a", H264), stage.viewer(), stage.viewer()
    slot = stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY))
    viewer.receive(1)
    viewer.transport.address = elsewhere.socket.getsockname()
    assert slot.chunk is not None
    slot.chunk.readdress(slot)
    stage.feed(publication, video(2))
    assert viewer.is_silent()
    assert len(elsewhere.socket.recv(2000)) == len(video(2)) + 16


def test_reports_reach_every_cohort(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, video(1, KEY))
    seen: list[tuple[int, int, int, int]] = []

    def build(ssrc: int, delta: int, packets: int, octets: int) -> bytes:
        seen.append((ssrc, delta, packets, octets))
        return b"\x80\xc8\0\1\0\0\0\1"

    stage.forwarder.forward_report(publication.layers[0], build)
    viewer.receive(1)
    assert viewer.receive(1, rtcp=True) == [b"\x80\xc8\0\1\0\0\0\1"]
    assert seen == [(500, 0, 1, len(KEY))]


def test_a_fault_in_one_publication_is_counted_and_contained(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, well, viewer = stage.publication("a", H264), stage.publication("b", H264), stage.viewer()
    stage.attach(broken, viewer.slot())
    stage.attach(well, viewer.slot())
    monkeypatch.setattr(broken.layers[0], "promote", _explode)
    up_track(broken).receive(video(1, KEY), 12, 0.0, False)
    stage.feed(well, video(1, KEY))
    assert len(viewer.receive(1)) == 1
    assert stage.counters["fault_forward"] == 1


def _explode(*_arguments: object) -> None:
    raise RuntimeError("a fault")


def test_lost_packets_are_asked_for(stage: Stage) -> None:
    publication = stage.publication("a", H264)
    stage.feed(publication, video(1, KEY), video(4))
    assert not up_track(publication).receive(video(5), 12, stage.clock.now, True), "a resend of what was not yet sent"
    up_track(publication).ask_again(stage.clock.now + 1)
    assert stage.counters["nack_out"] == 2
    assert up_track(publication).receive(video(2), 12, stage.clock.now, True)
    assert not up_track(publication).receive(video(2), 12, stage.clock.now, True), "it was there already"
    assert not up_track(publication).receive(video(9, bytes(1500)), 12, stage.clock.now, False), "too big to forward"
