"""Senders that are broken or hostile: the program goes on for everybody else."""

from __future__ import annotations

import random

import av
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.avc import ParameterSets, usable
from recordings.codecs.opus import OpusDecoder, packet_samples
from recordings.codecs.placeholder import placeholder
from recordings.codecs.vp8 import Vp8Transcoder
from recordings.program import Program
from tests.unit.recordings.streams import rtp_bytes, tap_frame
from tests.unit.recordings.test_program import CAMERA, MICROPHONE, ORIGIN_US, TRACKS, Sink, event, play

av.logging.set_level(None)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 30), st.sampled_from(["H264", "VP8"]))
def test_any_payloads_leave_a_whole_program(seed: int, codec: str) -> None:
    chance = random.Random(seed)
    tracks = [{**track, "codec": codec} if track["kind"] == "video" else track for track in TRACKS]
    frames = [event(ORIGIN_US, event="room", room_id="r", tracks=tracks)]
    starts = [b"\x67", b"\x78\x00\x09\x67\x42\xc0", b"\x65", b"\x10\x02\x00\x00\x9d\x01\x2a", b"\x7c\x85", b""]
    for number in range(120):
        payload = chance.choice(starts) + chance.randbytes(chance.randrange(40))
        at_us = ORIGIN_US + number * 40_000
        video = rtp_bytes(number + chance.randrange(2), number // 2 * 3000, payload, chance.random() < 0.5)
        frames.append(tap_frame(CAMERA, number, at_us, video))
        sound = rtp_bytes(number, number * 1920, chance.randbytes(chance.randrange(30)), payload_type=111)
        frames.append(tap_frame(MICROPHONE, number, at_us, sound))
    sink = Sink()
    program = Program(ORIGIN_US, sink)
    play(program, frames)
    program.finish(ORIGIN_US + 5_000_000)
    assert sum(segment.duration_ticks for segment in sink.segments) == 450_000


def test_parameter_sets_that_cannot_be_stored_are_refused() -> None:
    good = placeholder().sets
    assert usable(good)
    assert not usable(ParameterSets((), good.pps))
    assert not usable(ParameterSets((b"\x67",), good.pps))
    assert not usable(ParameterSets(good.sps * 40, good.pps))
    assert not usable(ParameterSets((good.sps[0] + bytes(5000),), good.pps))
    # width in macroblocks far beyond any camera
    assert not usable(ParameterSets((b"\x67\x42\xc0\x1e\xe8\x00\x00\x40\x00\x00\x00\x80\x00\x00\x00\xff",), good.pps))


def test_a_giant_vp8_picture_is_not_decoded() -> None:
    transcoder = Vp8Transcoder()
    giant = b"\x10\x02\x00\x9d\x01\x2a" + b"\xff\x3f\xff\x3f" + bytes(50)
    assert transcoder.transcode(giant, 0, True) is None
    assert transcoder.transcode(b"\x11" * 30, 0, False) is None
    assert transcoder.undecodable == 2


def test_an_undecodable_opus_packet_is_silence_of_its_length() -> None:
    decoder = OpusDecoder()
    assert len(decoder.decode(b"")) == 0
    broken = decoder.decode(b"\xff\xff\xff")
    assert set(broken) <= {0} and decoder.undecodable == 1
    assert packet_samples(b"\x78") == 960 and packet_samples(b"\x08") == 960 and packet_samples(b"\xfb\x02") == 1920
    assert packet_samples(b"") == 0 and packet_samples(b"\xff") == 0
