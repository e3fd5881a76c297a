"""The program on a synthetic clock: what it makes of tap frames, and that a successor makes the same."""

from __future__ import annotations

import hashlib
import json
from array import array
from fractions import Fraction
from itertools import pairwise

import av

from media.tap import EVENT, TapFrame
from recordings.avc import split_annex_b
from recordings.codecs.h264_encoder import H264Encoder
from recordings.program import PAUSED, Program
from recordings.segmenter import ClosedSegment
from tests.unit.recordings.streams import rtp_bytes, tap_frame

ORIGIN_US = 1_790_000_000_000_000
CAMERA, MICROPHONE = 3, 4
TRACKS = [
    {
        "number": CAMERA, "publication_id": "a:camera", "participant_id": "a", "source": "camera",
        "kind": "video", "codec": "H264", "clock_rate": 90_000, "payload_type": 96,
    },
    {
        "number": MICROPHONE, "publication_id": "a:microphone", "participant_id": "a", "source": "microphone",
        "kind": "audio", "codec": "opus", "clock_rate": 48_000, "payload_type": 111,
    },
]  # fmt: skip


class Sink:
    def __init__(self) -> None:
        self.segments: list[ClosedSegment] = []
        self.asked: list[int] = []

    def segment_closed(self, segment: ClosedSegment) -> None:
        self.segments.append(segment)

    def keyframe_wanted(self, track: int) -> None:
        self.asked.append(track)


def event(at_us: int, **fields: object) -> TapFrame:
    return TapFrame(EVENT, 0, at_us, json.dumps(fields).encode())


def room_of(seconds: float, keyframe_every: int = 15, start_s: float = 0.2) -> list[TapFrame]:
    """A camera at 10 pictures a second and a microphone, in the order of arrival."""
    encoder = H264Encoder(160, 96)
    opus = av.AudioCodecContext.create("libopus", "w")
    opus.sample_rate, opus.layout, opus.format, opus.time_base = 48_000, "mono", "s16", Fraction(1, 48_000)
    frames = [event(ORIGIN_US, event="room", room_id="r", tracks=TRACKS)]
    sequence = 0
    for picture in range(int((seconds - start_s) * 10)):
        at_us = ORIGIN_US + round((start_s + picture / 10) * 1_000_000)
        image = av.VideoFrame(160, 96, "yuv420p")
        for plane in image.planes:
            plane.update(bytes([picture % 200]) * plane.buffer_size)
        units = split_annex_b(encoder.encode(image, picture * 9000, picture % keyframe_every == 0))
        for index, unit in enumerate(units):
            sequence += 1
            rtp = rtp_bytes(sequence, picture * 9000, unit, index == len(units) - 1)
            frames.append(tap_frame(CAMERA, len(frames), at_us, rtp))
        for step in range(5):
            sound = av.AudioFrame(format="s16", layout="mono", samples=960)
            sound.sample_rate, sound.pts, sound.time_base = 48_000, (picture * 5 + step) * 960, Fraction(1, 48_000)
            sound.planes[0].update((array("h", [4000, -4000] * 480)).tobytes())
            for coded in opus.encode(sound):
                rtp = rtp_bytes(picture * 5 + step, (picture * 5 + step) * 960, bytes(coded), payload_type=111)
                frames.append(tap_frame(MICROPHONE, len(frames), at_us + step * 20_000, rtp))
    return frames


def play(program: Program, frames: list[TapFrame]) -> None:
    next_us = 0
    for frame in frames:
        program.feed(frame)
        if frame.arrival_us >= next_us:
            program.advance(frame.arrival_us)
            next_us = frame.arrival_us + 200_000


def digests(segments: list[ClosedSegment]) -> list[str]:
    return [hashlib.sha256(segment.data).hexdigest() for segment in segments]


def assert_continuous(segments: list[ClosedSegment]) -> None:
    assert segments[0].start_ticks == 0
    for before, after in pairwise(segments):
        assert after.start_ticks == before.start_ticks + before.duration_ticks
        assert (after.number, before.next.ticks) == (before.number + 1, after.start_ticks)


def test_segments_begin_at_keyframes_and_follow_each_other() -> None:
    sink = Sink()
    program = Program(ORIGIN_US, sink)
    play(program, room_of(10))
    program.finish(ORIGIN_US + 10_000_000)
    assert_continuous(sink.segments)
    assert sum(segment.duration_ticks for segment in sink.segments) == 900_000
    assert [segment.init_name for segment in sink.segments] == ["init0.mp4"] * len(sink.segments)
    assert program.counters["placeholders"] == 0
    assert 3 <= len(sink.segments) <= 5


def test_the_same_frames_make_the_same_bytes() -> None:
    frames = room_of(6)
    sinks = [Sink(), Sink()]
    for sink in sinks:
        program = Program(ORIGIN_US, sink)
        play(program, frames)
        program.finish(ORIGIN_US + 6_000_000)
    assert digests(sinks[0].segments) == digests(sinks[1].segments)


def test_a_successor_goes_on_where_the_last_segment_ended() -> None:
    frames = room_of(12)
    sink = Sink()
    program = Program(ORIGIN_US, sink)
    half = len(frames) // 2
    play(program, frames[:half])
    snapshot = program.snapshot()
    done = list(sink.segments)
    assert done
    again = Sink()
    successor = Program(ORIGIN_US, again, done[-1].next, {hashlib.sha256(done[0].init or b"").hexdigest(): "init0.mp4"})
    successor.restore(snapshot, frames[0].arrival_us)
    play(successor, frames)
    successor.finish(ORIGIN_US + 12_000_000)
    assert_continuous(done + again.segments)
    assert sum(segment.duration_ticks for segment in done + again.segments) == 12 * 90_000
    assert all(segment.init is None and segment.init_name == "init0.mp4" for segment in again.segments)
    assert successor.counters["placeholders"] == 0


def test_without_keyframes_one_is_asked_for_every_four_seconds() -> None:
    sink = Sink()
    program = Program(ORIGIN_US, sink)
    play(program, room_of(9, keyframe_every=1000))
    assert 1 <= len(sink.asked) <= 10 and set(sink.asked) == {CAMERA}


def test_a_lesson_without_any_packet_has_its_length() -> None:
    sink = Sink()
    program = Program(ORIGIN_US, sink)
    program.feed(event(ORIGIN_US, event="room", room_id="r", tracks=[]))
    for step in range(50):
        program.advance(ORIGIN_US + step * 200_000)
    program.finish(ORIGIN_US + 10_000_000)
    assert_continuous(sink.segments)
    assert sum(segment.duration_ticks for segment in sink.segments) == 900_000


def obliging(seconds: int, watched: bool) -> tuple[Program, Sink]:
    """A camera that sends a keyframe only when it is asked for one, the next picture."""
    sink = Sink()
    program = Program(ORIGIN_US, sink)
    program.watched_until_us = ORIGIN_US + seconds * 1_000_000 if watched else 0
    encoder = H264Encoder(160, 96)
    program.feed(event(ORIGIN_US, event="room", room_id="r", tracks=TRACKS))
    image = av.VideoFrame(160, 96, "yuv420p")
    sequence = asked = 0
    for picture in range(seconds * 10):
        at_us = ORIGIN_US + picture * 100_000
        keyframe, asked = picture == 0 or len(sink.asked) > asked, len(sink.asked)
        units = split_annex_b(encoder.encode(image, picture * 9000, keyframe))
        for index, unit in enumerate(units):
            sequence += 1
            rtp = rtp_bytes(sequence, picture * 9000, unit, index == len(units) - 1)
            program.feed(tap_frame(CAMERA, sequence, at_us, rtp))
        program.advance(at_us)
    return program, sink


def test_with_an_audience_segments_are_half_as_long() -> None:
    (_, alone), (_, watched) = obliging(24, False), obliging(24, True)
    assert all(4 <= segment.duration_ticks / 90_000 <= 4.5 for segment in alone.segments)
    assert all(2 <= segment.duration_ticks / 90_000 <= 2.3 for segment in watched.segments)
    assert len(watched.segments) >= 9 and len(watched.asked) <= 11


def test_what_is_shown_is_the_newest_keyframe_and_nothing_in_a_pause() -> None:
    program, _ = obliging(6, True)
    shown = program.shown
    assert shown is not None and shown.sets.complete
    program.feed(event(ORIGIN_US + 6_000_000, event=PAUSED))
    assert program.shown is None
    program.advance(ORIGIN_US + 9_000_000)
    assert program.shown is None  # the placeholder is no picture of the room


def test_an_empty_recording_still_has_a_segment() -> None:
    sink = Sink()
    Program(ORIGIN_US, sink).finish(ORIGIN_US + 40_000)
    assert [segment.duration_ticks for segment in sink.segments] == [3600]


def test_a_pause_shows_the_placeholder() -> None:
    sink = Sink()
    program = Program(ORIGIN_US, sink)
    play(program, room_of(4))
    program.feed(event(ORIGIN_US + 4_000_000, event=PAUSED))
    for step in range(20):
        program.advance(ORIGIN_US + 4_000_000 + step * 200_000)
    program.finish(ORIGIN_US + 8_000_000)
    assert_continuous(sink.segments)
    assert {segment.init_name for segment in sink.segments} == {"init0.mp4", "init1.mp4"}
    assert program.counters["placeholders"] >= 2


def test_junk_is_counted_and_changes_nothing() -> None:
    frames = room_of(5)
    junk = [
        TapFrame(1, 0, ORIGIN_US + 1_000_000, b""),
        TapFrame(1, 0, ORIGIN_US + 1_000_000, b"\x00\x03\x80"),
        TapFrame(1, 0, ORIGIN_US + 1_000_000, b"\x00\x63" + bytes(20)),
        TapFrame(2, 0, ORIGIN_US + 1_000_000, b"\x00"),
        tap_frame(CAMERA, 0, ORIGIN_US + 1_000_000, rtp_bytes(1, 2, b"other", payload_type=97)),
    ]
    sinks = [Sink(), Sink()]
    for sink, extra in zip(sinks, ([], junk), strict=True):
        program = Program(ORIGIN_US, sink)
        play(program, frames[:60] + extra + frames[60:])
        program.finish(ORIGIN_US + 5_000_000)
    assert program.inputs.refused >= 4
    assert digests(sinks[0].segments) == digests(sinks[1].segments)
