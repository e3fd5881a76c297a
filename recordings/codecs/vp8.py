"""VP8 → H.264, live: VP8 cannot be put into MP4, and only H.264 plays everywhere. Only while it is on the program."""

from __future__ import annotations

import av
from av.error import FFmpegError

from recordings.codecs.h264_encoder import H264Encoder, fit
from recordings.depacketise.vp8 import is_keyframe, pixels

KEYFRAME_TICKS = 3 * 90_000
MAX_PIXELS = 4096 * 2304
_HURRIED_SHARE = 3  # every third picture


class Vp8Transcoder:
    """One stream, from a keyframe on. Every output picture belongs to one input picture and its time."""

    def __init__(self) -> None:
        self.undecodable = 0
        self._decoder = av.VideoCodecContext.create("vp8", "r")
        self._decoder.thread_count = 1
        self._encoder: H264Encoder | None = None
        self._keyframe_at: int | None = None
        self._left_out = 0

    def transcode(self, data: bytes, ticks: int, keyframe: bool, hurried: bool = False) -> tuple[bytes, bool] | None:
        """Annex B and whether it is a keyframe; None when the picture is not shown or cannot be decoded."""
        try:
            return self._transcode(data, ticks, keyframe, hurried)
        except (FFmpegError, ValueError):
            self.undecodable += 1
            return None

    def _transcode(self, data: bytes, ticks: int, keyframe: bool, hurried: bool) -> tuple[bytes, bool] | None:
        if is_keyframe(data) and pixels(data) > MAX_PIXELS:
            raise ValueError("the picture is too large")
        frames = self._decoder.decode(av.Packet(data))
        if not frames:
            return None
        frame = frames[-1]
        size = fit(frame.width, frame.height)
        if self._encoder is None or (self._encoder.width, self._encoder.height) != size:
            self._encoder = H264Encoder(*size)
            self._keyframe_at = None
        wanted = keyframe or self._keyframe_at is None or ticks - self._keyframe_at >= KEYFRAME_TICKS
        self._left_out = 0 if wanted or not hurried else (self._left_out + 1) % _HURRIED_SHARE
        if self._left_out:
            return None
        if wanted:
            self._keyframe_at = ticks
        return self._encoder.encode(frame, ticks, wanted), wanted
