"""Redundant sound: as it is to who takes it, its new block to everybody else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from media.allocator import Allocator
from media.rtp import red
from media.sdp.negotiation import NegotiatedCodec, negotiate
from media.sdp.offer import parse_offer
from media.slot import Slot
from media.tap_feed import TapFeed
from media.tap_ring import TapRing
from tests.unit.media.conftest import read_offer, rtp
from tests.unit.media.stage import OPUS, Stage, Viewer, numbers, timestamps, up_track
from tests.unit.media.test_sdp import answer_to, sections
from tests.unit.media.test_tap_ring import Recorder

WITH_RED = NegotiatedCodec("opus", 111, 48000, 2, "", (), red_payload_type=63)
OTHER_NUMBERS = NegotiatedCodec("opus", 109, 48000, 2, "", (), red_payload_type=63)


def redundant(new: bytes, *repeated: bytes, payload_type: int = 111) -> bytes:
    heads = b"".join(
        bytes((0x80 | payload_type,)) + (960 * (len(repeated) - index) << 10 | len(block)).to_bytes(3, "big")
        for index, block in enumerate(repeated)
    )
    return heads + bytes((payload_type,)) + b"".join(repeated) + new


def sound(sequence: int, payload: bytes, payload_type: int = 63) -> bytes:
    return rtp(sequence, sequence * 960, 1, payload, payload_type)


def test_the_new_block_stands_last() -> None:
    for repeated in ((), (b"old",), (b"older", b"old"), (b"", b"x" * 1000)):
        packet = bytearray(sound(7, redundant(b"new", *repeated)))
        packet[1] |= 0x80
        assert red.primary(bytes(packet), 12, 111) == bytes((0x80, 0xEF)) + sound(7, b"new")[2:]


def test_what_holds_no_block_is_none() -> None:
    assert red.primary(sound(1, b""), 12, 111) is None
    assert red.primary(sound(1, b"\x6f"), 12, 111) is None
    assert red.primary(sound(1, b"\xef\x00\x03\xff\x6f"), 12, 111) is None, "longer than the packet"
    assert red.primary(sound(1, b"\xef\x00"), 12, 111) is None
    assert red.primary(sound(1, b"\xef\x00\x00\x00" * 20 + b"\x6fnew"), 12, 111) is None, (
        "more blocks than anybody sends"
    )


@given(st.binary(max_size=60))
def test_any_bytes_give_an_answer(payload: bytes) -> None:
    found = red.primary(sound(1, payload), 12, 111)
    assert found is None or 12 < len(found) < 12 + len(payload)


def voice_slot(viewer: Viewer, codec: NegotiatedCodec) -> Slot:
    return viewer.slot("audio", (codec,))


def test_each_viewer_gets_what_it_can_take(stage: Stage) -> None:
    voice = stage.publication("a", WITH_RED, "microphone")
    viewers = {codec: stage.viewer() for codec in (WITH_RED, OPUS, OTHER_NUMBERS)}
    for codec, viewer in viewers.items():
        stage.attach(voice, voice_slot(viewer, codec))
    stage.feed(voice, sound(1, redundant(b"1")), sound(2, redundant(b"2", b"1")), sound(3, b"3", 111))
    got = {codec: viewer.receive(3) for codec, viewer in viewers.items()}
    assert [packet[1] & 0x7F for packet in got[WITH_RED]] == [63, 63, 111]
    assert [packet[12:] for packet in got[WITH_RED]] == [redundant(b"1"), redundant(b"2", b"1"), b"3"]
    for codec in (OPUS, OTHER_NUMBERS):
        assert {packet[1] & 0x7F for packet in got[codec]} == {codec.payload_type}
        assert [packet[12:] for packet in got[codec]] == [b"1", b"2", b"3"], "the blocks inside name other numbers"
    for packets in got.values():
        assert [(number - numbers(packets)[0]) & 0xFFFF for number in numbers(packets)] == [0, 1, 2]


def test_broken_redundancy_stays_away_from_who_cannot_take_it(stage: Stage) -> None:
    voice, viewer = stage.publication("a", WITH_RED, "microphone"), stage.viewer()
    stage.attach(voice, voice_slot(viewer, OPUS))
    stage.feed(voice, sound(1, b"\xef\x00\x03\xff\x6f"), sound(2, redundant(b"2")))
    assert [packet[12:] for packet in viewer.receive(1)] == [b"2"]
    assert viewer.is_silent()


def test_resends_are_the_same_bytes(stage: Stage) -> None:
    voice = stage.publication("a", WITH_RED, "microphone")
    for codec in (WITH_RED, OPUS):
        viewer = stage.viewer()
        slot = stage.attach(voice, voice_slot(viewer, codec))
        stage.feed(voice, sound(1 if codec is WITH_RED else 2, redundant(b"2", b"1")))
        (packet,) = viewer.receive(1)
        assert slot.resend(numbers([packet])) == (1, 0)
        assert viewer.resent == [packet]


def test_a_narrow_path_gets_sound_without_redundancy_and_back(stage: Stage) -> None:
    voice, viewer, other = stage.publication("a", WITH_RED, "microphone"), stage.viewer(), stage.viewer()
    slot = stage.attach(voice, voice_slot(viewer, WITH_RED))
    stage.attach(voice, voice_slot(other, WITH_RED))
    for sequence, is_lean in ((1, False), (2, True), (3, True), (4, False)):
        slot.set_lean(is_lean)
        stage.feed(voice, sound(sequence, redundant(b"new", b"old")))
    got, whole = viewer.receive(4), other.receive(4)
    assert [packet[1] & 0x7F for packet in got] == [63, 111, 111, 63]
    assert [(number - numbers(got)[0]) & 0xFFFF for number in numbers(got)] == [0, 1, 2, 3]
    assert timestamps(got) == timestamps(whole), "it is the same stream"
    assert len(voice.layers[0].cohorts) == 1
    assert slot.resend(numbers(got)) == (1, 3), "never the same number with other contents"
    assert viewer.resent == got[3:]


class Narrow:
    """A budget that is known."""

    limit_bps: float | None = 1_000_000
    has_feedback = False

    def is_known(self, now: float) -> bool:
        return True

    def lasting_loss(self, now: float) -> float:
        return 0.0

    def is_strained(self, now: float) -> bool:
        return False

    def protect(self, bps: float) -> None:
        """There is only sound."""


def test_redundancy_goes_before_the_picture_does(stage: Stage) -> None:
    voice, viewer = stage.publication("a", WITH_RED, "microphone"), stage.viewer()
    slot = stage.attach(voice, voice_slot(viewer, WITH_RED))
    for sequence in range(50):
        stage.clock.now += 0.02
        stage.feed(voice, sound(sequence, redundant(bytes(75), bytes(75))))
        if sequence % 25 == 0:
            voice.layers[0].measure(stage.clock.now)
    voice.layers[0].measure(stage.clock.now)
    budget: Any = Narrow()
    allocator = Allocator([slot], budget)
    forms = []
    for limit in (1_000_000, 200_000, 120_000, 200_000, 300_000, None):
        budget.limit_bps = limit
        allocator.allocate(stage.clock.now)
        forms.append(slot.is_lean)
    assert forms == [False, False, True, True, False, False]


def test_the_recorder_gets_plain_sound(stage: Stage) -> None:
    voice = stage.publication("a", WITH_RED, "microphone")
    ring, recorder = TapRing("r", stage.clock), Recorder()
    ring.join(recorder.take, recorder.close, None)
    feed = TapFeed(ring, stage.clock)
    for packet in (sound(1, redundant(b"1")), sound(2, b"\x6f"), sound(3, redundant(b"3", b"2"))):
        feed.handle_packet(up_track(voice), packet)
    assert recorder.events[-1]["track"]["codec"] == "opus"
    assert [frame.body[2:] for frame in recorder.frames if frame.type == 1] == [
        sound(1, b"1", 111),
        sound(3, b"3", 111),
    ]


def test_sources_are_asked_for_redundancy_where_they_offer_it() -> None:
    offer = read_offer("chromium")
    answered = sections(answer_to(offer))
    assert answered[0].startswith("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\n"), "browsers send what stands first"
    assert answered[4].startswith("m=audio 9 UDP/TLS/RTP/SAVPF 111 63\n")
    assert "a=rtpmap:63 red/48000/2\n" in answered[0]
    assert "a=fmtp:63 111/111\n" in answered[0]
    assert "red/" not in answer_to(read_offer("firefox"))
    assert negotiate(parse_offer(offer.replace("63 111/111", "63 111/0")))[0].codecs[0].red_payload_type is None
