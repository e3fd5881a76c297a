"""From an accepted packet to datagrams on real sockets: cohorts, switches of source, resends, one broken receiver."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from media import fanout
from media.cohort import CHUNK
from media.control import Source
from media.forwarding import Forwarder
from media.publication import Publication
from media.rtp import vp8
from media.sdp.negotiation import NegotiatedCodec
from media.slot import Slot
from media.stats import Counters
from media.udp import DatagramPort
from media.uptrack import UpTrack
from tests.unit.media.conftest import FrozenClock, rtp

H264 = NegotiatedCodec("H264", 108, 90000, 1, "", ("nack", "nack pli"), 109)
VP8 = NegotiatedCodec("VP8", 96, 90000, 1, "", ("nack", "nack pli"), 97)
OPUS = NegotiatedCodec("opus", 111, 48000, 2, "", ())
KEY, DELTA = b"\x67sps", b"\x41delta"


class Viewer:
    """A real socket and SRTP session that stand for one client."""

    def __init__(self, counters: Counters) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        key = random.randbytes(28)
        self._outbound = _session(key, Policy.SSRC_ANY_OUTBOUND)
        self._inbound = _session(key, Policy.SSRC_ANY_INBOUND)
        self.resent: list[bytes] = []
        self.transport: Any = SimpleNamespace(
            tx=self._outbound._srtp[0],
            address=self.socket.getsockname(),
            tag_size=16,
            is_connected=True,
            counters=counters,
            send_rtp=self.resent.append,
            send_rtcp=lambda _packet: None,
        )

    def slot(self, kind: Any = "video", codecs: tuple[NegotiatedCodec, ...] = (H264, VP8)) -> Slot:
        return Slot(self.transport, "7", kind, codecs, 500, 600)

    def receive(self, count: int, rtcp: bool = False) -> list[bytes]:
        unprotect = self._inbound.unprotect_rtcp if rtcp else self._inbound.unprotect
        return [unprotect(self.socket.recv(2048)) for _ in range(count)]

    def is_silent(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(2048)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(2)
        return False


def _session(key: bytes, direction: int) -> Session:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    policy.allow_repeat_tx = True
    policy.window_size = 128
    return Session(policy)


class Stage:
    """A forwarder with its socket, and publishers and viewers around it."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.counters = Counters()
        self.port = DatagramPort("127.0.0.1", 0, self.clock, self.counters)
        self.forwarder = Forwarder(self.port, self.clock, self.counters)
        self.plis: list[bytes] = []
        self.viewers: list[Viewer] = []

    def publication(self, name: str, codec: NegotiatedCodec, source: Source = "camera") -> Publication:
        made = Publication(name, source, self.forwarder)
        self.track(made, codec, 1)
        return made

    def track(self, publication: Publication, codec: NegotiatedCodec, ssrc: int) -> UpTrack:
        transport: Any = SimpleNamespace(send_rtcp=self.plis.append, counters=self.counters)
        track = UpTrack(publication, transport, ssrc, codec)
        publication.set_track(track)
        return track

    def viewer(self) -> Viewer:
        self.viewers.append(Viewer(self.counters))
        return self.viewers[-1]

    def feed(self, publication: Publication, *packets: bytes) -> None:
        """One drain of the socket."""
        assert publication.track is not None
        for packet in packets:
            publication.track.receive(packet, 12, self.clock.now, False)
        self.forwarder.flush()

    def attach(self, publication: Publication, slot: Slot) -> Slot:
        publication.attach(slot, self.clock.now)
        return slot


@pytest.fixture(params=["bulk", "singly"])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Both ways of sending: in bulk, and one by one as on systems without sendmmsg."""
    if request.param == "singly":
        monkeypatch.setattr(fanout, "is_available", lambda: False)
    made = Stage()
    yield made
    made.port.close(lambda _descriptor: None)
    for viewer in made.viewers:
        viewer.socket.close()


def numbers(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(packet[2:4], "big") for packet in packets]


def timestamps(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(packet[4:8], "big") for packet in packets]


def video(sequence: int, payload: bytes = DELTA) -> bytes:
    return rtp(sequence, sequence * 3000, 1, payload, 100)


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
    assert len(publication.cohorts) == 1
    (cohort,) = publication.cohorts.values()
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
    assert len(publication.cohorts) == 1, "the late one takes over the numbering"
    assert viewers[3].is_silent()
    assert late.receive(1) == viewers[CHUNK + 5].receive(1) == viewers[0].receive(1)


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
        if arrivals and voice.track is not None:
            voice.track.receive(arrivals.pop(), 12, stage.clock.now, False)

    monkeypatch.setattr(stage.port, "drain", drain)
    stage.feed(picture, video(1, KEY), video(2))
    assert [packet[1] & 0x7F for packet in viewers[-1].receive(3)] == [111, 108, 108]
    assert [packet[1] & 0x7F for packet in viewers[0].receive(2)] == [108, 108]


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


def test_a_flood_that_comes_in_while_a_burst_goes_out_ends_the_burst(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = stage.publication("a", H264)
    for _ in range(CHUNK):
        stage.attach(publication, stage.viewer().slot())
    sequence = 1

    def drain(_reads: int = 0) -> None:
        nonlocal sequence
        assert publication.track is not None
        stage.clock.now += 0.01
        sequence += 1
        publication.track.receive(video(sequence), 12, stage.clock.now, False)

    monkeypatch.setattr(stage.port, "drain", drain)
    stage.feed(publication, video(1, KEY))
    assert sequence < 20, "the loop gets its turn"
    assert stage.counters["rtp_out"] == CHUNK * sequence, "and everything went out"


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
    assert not publication.is_awaited


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
    for cohort in publication.cohorts.values():
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

    stage.forwarder.forward_report(publication, build)
    viewer.receive(1)
    assert viewer.receive(1, rtcp=True) == [b"\x80\xc8\0\1\0\0\0\1"]
    assert seen == [(500, 0, 1, len(KEY))]


def test_a_fault_in_one_publication_is_counted_and_contained(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, well, viewer = stage.publication("a", H264), stage.publication("b", H264), stage.viewer()
    stage.attach(broken, viewer.slot())
    stage.attach(well, viewer.slot())
    monkeypatch.setattr(broken, "promote", _explode)
    assert broken.track is not None
    broken.track.receive(video(1, KEY), 12, 0.0, False)
    stage.feed(well, video(1, KEY))
    assert len(viewer.receive(1)) == 1
    assert stage.counters["fault_forward"] == 1


def _explode(*_arguments: object) -> None:
    raise RuntimeError("a fault")


def test_a_slot_near_the_wrap_gets_numbers_of_its_own(stage: Stage) -> None:
    publication, early, late = stage.publication("a", H264), stage.viewer(), stage.viewer()
    slot = stage.attach(publication, early.slot())
    stage.feed(publication, video(1, KEY))
    assert slot.cohort is not None
    near = (0xFFF0 - slot.cohort.key.sequence_delta) & 0xFFFF
    stage.feed(publication, *(video(sequence) for sequence in range(1000, near, 1000)))
    stage.attach(publication, late.slot())
    stage.feed(publication, video(near, KEY))
    assert len(publication.cohorts) == 2
    assert numbers(late.receive(1))[0] < 0x8000


def test_a_number_is_never_forwarded_twice_with_other_contents(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, *(video(index, KEY) for index in range(2000, 3100)))
    track = publication.track
    assert track is not None
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


def test_numbers_that_jump_with_every_packet_move_the_viewers_once(stage: Stage) -> None:
    publication, viewer = stage.publication("a", H264), stage.viewer()
    stage.attach(publication, viewer.slot())
    stage.feed(publication, *(video(index * 5000, KEY) for index in range(50)))
    assert stage.counters["rtp_out"] <= 3


def test_lost_packets_are_asked_for(stage: Stage) -> None:
    publication = stage.publication("a", H264)
    stage.feed(publication, video(1, KEY), video(4))
    assert publication.track is not None
    assert not publication.track.receive(video(5), 12, stage.clock.now, True), "a resend of what was not yet sent"
    publication.track.ask_again(stage.clock.now + 1)
    assert stage.counters["nack_out"] == 2
    assert publication.track.receive(video(2), 12, stage.clock.now, True)
    assert not publication.track.receive(video(2), 12, stage.clock.now, True), "it was there already"
    assert not publication.track.receive(video(9, bytes(1500)), 12, stage.clock.now, False), "too big to forward"
