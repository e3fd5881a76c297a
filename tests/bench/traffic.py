"""What a publisher sends: H.264-shaped frames at 25 a second and Opus, cut and paced as libwebrtc does; pure, seeded.

No picture is encoded: the NAL unit types and sizes are right, the bytes inside are filler. Each payload ends in a
``Stamp``, with which a receiver that decrypts it knows which packet of which feed it is and when it was sent.
"""

from __future__ import annotations

import random
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

MAX_PAYLOAD = 1150
FRAME_MS = 40  # 25 fps
OPUS_MS = 20
OPUS_BYTES = 80  # 32 kbit/s
DTX_MS = 400  # RFC 7587 §3.1.3: what an encoder in discontinuous transmission sends while nobody speaks
KEYFRAME_EVERY = 100  # frames
KEYFRAME_SCALE = 4.0  # a key frame is this many times the mean frame
TICK_MS = 5
PACING_FACTOR = 2.5  # libwebrtc's pacer sends at 2.5 times the target rate,
BURST_MS = 40  # and up to so much of it at once (pacing_controller.h: kDefaultBurstInterval)

NAL_SLICE, NAL_IDR, NAL_SEI, NAL_SPS, NAL_PPS, STAP_A, FU_A = 1, 5, 6, 7, 8, 24, 28
SPS = bytes.fromhex("6742c01fd9005005bb0110000003001000000303200f162e48")
PPS = bytes.fromhex("68cb83cb20")

_STAMP = struct.Struct("!3sHIQ")
_MAGIC = b"hTb"
STAMP_BYTES = _STAMP.size


class Lane(IntEnum):
    """The two streams of a publisher."""

    AUDIO = 0
    VIDEO = 1


def feed_of(publisher: int, lane: Lane) -> int:
    """One number for one stream of one publisher."""
    return 2 * publisher + lane


class Stamp(NamedTuple):
    feed: int
    number: int  # of the packet in its feed, from 0
    sent_ns: int  # CLOCK_MONOTONIC


def stamp(feed: int, number: int, sent_ns: int) -> bytes:
    return _STAMP.pack(_MAGIC, feed, number, sent_ns)


def read_stamp(payload: bytes) -> Stamp | None:
    """The stamp at the end of a decrypted packet, None if there is none."""
    if len(payload) < STAMP_BYTES:
        return None
    magic, feed, number, sent_ns = _STAMP.unpack_from(payload, len(payload) - STAMP_BYTES)
    return Stamp(feed, number, sent_ns) if magic == _MAGIC else None


@dataclass(frozen=True, slots=True)
class Piece:
    """A payload without its stamp, which is added when the packet leaves."""

    lane: Lane
    body: bytes
    rtp_time: int
    marker: bool


def split_equally(size: int, limit: int) -> list[int]:
    """Parts of ``size`` bytes that differ by at most one, the larger ones last (as libwebrtc's SplitAboutEqually)."""
    parts = -(-size // limit)
    small, larger = divmod(size, parts)
    return [small] * (parts - larger) + [small + 1] * larger


def _fragments(nal_type: int, size: int) -> Iterator[bytes]:
    """A NAL unit of ``size`` bytes as payload bodies (RFC 6184 §5.6, §5.8), room left for the stamps."""
    if size + STAMP_BYTES <= MAX_PAYLOAD:
        yield bytes([0x60 | nal_type]) + bytes(size - 1)
        return
    sizes = split_equally(size, MAX_PAYLOAD - 2 - STAMP_BYTES)
    for index, part in enumerate(sizes):
        start_end = (0x80 if index == 0 else 0) | (0x40 if index == len(sizes) - 1 else 0)
        yield bytes([0x60 | FU_A, start_end | nal_type]) + bytes(part)


def _parameter_sets() -> bytes:
    """SPS and PPS in one STAP-A (RFC 6184 §5.7.1); an SEI unit at its end makes room for the stamp."""
    units = b"".join(struct.pack("!H", len(unit)) + unit for unit in (SPS, PPS))
    return bytes([0x60 | STAP_A]) + units + struct.pack("!HB", 1 + STAMP_BYTES, NAL_SEI)


def video_frame(size: int, rtp_time: int, *, key: bool) -> list[Piece]:
    """The packets of one frame; the last one has the marker."""
    bodies = [_parameter_sets()] if key else []
    bodies += _fragments(NAL_IDR if key else NAL_SLICE, size)
    last = len(bodies) - 1
    return [Piece(Lane.VIDEO, body, rtp_time, marker=index == last) for index, body in enumerate(bodies)]


class Source:
    """Frames and voice by the clock, the video through a pacer. Ask it once per tick."""

    def __init__(
        self,
        bitrate_bps: int,
        seed: int = 20,
        *,
        has_microphone: bool = True,
        speaks: bool = True,
        films: bool = True,
        burst_ms: int = BURST_MS,
    ) -> None:
        self._has_microphone = has_microphone
        self._speaks = speaks
        self._films = films
        mean = bitrate_bps * FRAME_MS / 8000
        self._key_bytes = int(mean * KEYFRAME_SCALE)
        # What is left for the others, so that the sum is the bit rate.
        self._delta_bytes = mean * (KEYFRAME_EVERY - KEYFRAME_SCALE) / (KEYFRAME_EVERY - 1)
        self._budget_per_tick = bitrate_bps * PACING_FACTOR * TICK_MS / 8000
        self._budget_at_once = bitrate_bps * PACING_FACTOR * max(burst_ms, TICK_MS) / 8000
        self._random = random.Random(seed)
        self._queue: deque[Piece] = deque()
        self._budget = 0.0
        self._frames = 0
        self._since_key = KEYFRAME_EVERY
        self.keyframes = 0
        self.frames_late = 0  # frames that found an older one still in the pacer

    def request_keyframe(self) -> None:
        """What a browser's encoder does on a PLI: the next frame is a key frame."""
        self._since_key = KEYFRAME_EVERY

    def tick(self, now_ms: int) -> list[Piece]:
        """What leaves in this tick; ``now_ms`` counts from 0 in steps of ``TICK_MS``."""
        leaving = self._sound(now_ms) if self._has_microphone else []
        if self._films and now_ms % FRAME_MS == 0:
            self._next_frame(now_ms * 90)
        self._budget = min(self._budget + self._budget_per_tick, self._budget_at_once)
        while self._queue and self._budget > 0:
            piece = self._queue.popleft()
            self._budget -= len(piece.body) + STAMP_BYTES
            leaving.append(piece)
        return leaving

    def _sound(self, now_ms: int) -> list[Piece]:
        if self._speaks and now_ms % OPUS_MS == 0:
            return [Piece(Lane.AUDIO, b"\x78" + bytes(OPUS_BYTES - 1), now_ms * 48, marker=False)]
        if now_ms % DTX_MS == 0:
            return [Piece(Lane.AUDIO, b"\x78", now_ms * 48, marker=False)]
        return []

    def _next_frame(self, rtp_time: int) -> None:
        key = self._since_key >= KEYFRAME_EVERY
        self._since_key = 1 if key else self._since_key + 1
        self.keyframes += key
        self._frames += 1
        self.frames_late += bool(self._queue)
        size = self._key_bytes if key else int(self._delta_bytes * self._random.uniform(0.7, 1.3))
        self._queue.extend(video_frame(size, rtp_time, key=key))
