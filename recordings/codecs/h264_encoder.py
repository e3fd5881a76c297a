"""Raw pictures → H.264 that every phone plays: no B pictures, keyframes on demand."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.frame import PictureType

MAX_HEIGHT = 720
_RATE = 90_000


class H264Encoder:
    """One size. ``preset`` ultrafast for live pictures, slower ones for what is made once."""

    def __init__(self, width: int, height: int, preset: str = "ultrafast", crf: int = 26) -> None:
        self.width, self.height = width, height
        context = av.VideoCodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, _RATE), Fraction(30)
        context.thread_count = 1
        context.options = {
            "preset": preset,
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": str(crf),
            "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1:sliced-threads=0",
        }
        context.open()
        self._context = context
        self._pts = -1

    def encode(self, frame: av.VideoFrame, ticks: int, keyframe: bool) -> bytes:
        """The access unit of one picture in Annex B."""
        if (frame.width, frame.height, frame.format.name) != (self.width, self.height, "yuv420p"):
            frame = frame.reformat(self.width, self.height, "yuv420p")
        self._pts = max(ticks, self._pts + 1)
        frame.pts, frame.time_base = self._pts, Fraction(1, _RATE)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def fit(width: int, height: int) -> tuple[int, int]:
    """At most 720 lines (or columns, held upright), even, shape kept."""
    scale = min(1.0, MAX_HEIGHT / min(width, height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
