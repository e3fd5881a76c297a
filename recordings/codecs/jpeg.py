"""One H.264 keyframe → one JPEG, and whether two of them show the same. For who gets no moving picture."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import NamedTuple

import av
from av.error import FFmpegError

from recordings.avc import ParameterSets, avcc, picture_size

MAX_WIDTH = 1280
MAX_PIXELS = 4096 * 2304
WANTED_BYTES = 64 * 1024
_QUANTISERS = (4, 7, 11, 16, 24)  # the first that is small enough, else the last
_THUMB = (64, 36)
# Levels of brightness by which one of 64 × 36 fields may differ: an encoder's own noise is below, a line of text above.
_SAME_LEVELS = 5
_SAME_SIZE = 0.12  # a sharper picture of the same has more bytes


class Keyframe(NamedTuple):
    """A sample as it stands in a segment, with what a decoder must know before it."""

    sets: ParameterSets
    sample: bytes


class Jpeg(NamedTuple):
    data: bytes
    etag: str
    thumbnail: bytes

    def shows_the_same(self, other: Jpeg) -> bool:
        """An unchanged slide is encoded anew with every keyframe, and never to the same bytes."""
        if abs(len(self.data) - len(other.data)) > _SAME_SIZE * max(len(self.data), len(other.data)):
            return False
        pairs = zip(self.thumbnail, other.thumbnail, strict=True)
        return all(abs(mine - its) <= _SAME_LEVELS for mine, its in pairs)


def make_jpeg(keyframe: Keyframe) -> Jpeg | None:
    """None for a picture that cannot be decoded or is far too large. Takes some 20 ms: not on an event loop."""
    try:
        return _make(keyframe)
    except (FFmpegError, ValueError, IndexError):
        return None


def _make(keyframe: Keyframe) -> Jpeg | None:
    width, height = picture_size(keyframe.sets.sps[0])
    if width * height > MAX_PIXELS:
        return None
    frame = _decode(keyframe)
    if frame is None:
        return None
    width, height = _fit(frame.width, frame.height)
    picture = frame.reformat(width, height, "yuvj420p")
    data = b""
    for quantiser in _QUANTISERS:
        data = _encode(picture, quantiser)
        if len(data) <= WANTED_BYTES:
            break
    return Jpeg(data, hashlib.sha256(data).hexdigest()[:32], _thumbnail(picture))


def _decode(keyframe: Keyframe) -> av.VideoFrame | None:
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.extradata, decoder.thread_count = avcc(keyframe.sets), 1
    frames = [*decoder.decode(av.Packet(keyframe.sample)), *decoder.decode(None)]
    return frames[0] if frames else None


def _encode(picture: av.VideoFrame, quantiser: int) -> bytes:
    encoder = av.VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    encoder.qmin = encoder.qmax = quantiser
    picture.pts = 0
    return b"".join(bytes(packet) for packet in encoder.encode(picture))


def _thumbnail(picture: av.VideoFrame) -> bytes:
    plane = picture.reformat(*_THUMB, "gray", interpolation="AREA").planes[0]
    rows = bytes(plane)
    return b"".join(rows[line * plane.line_size :][: _THUMB[0]] for line in range(_THUMB[1]))


def _fit(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, MAX_WIDTH / max(width, height))
    return max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)
