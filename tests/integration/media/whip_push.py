"""FFmpeg's WHIP muxer as a program of its own: it holds the interpreter while it waits for the answer.

``python -m tests.integration.media.whip_push URL OPTIONS-AS-JSON`` publishes three seconds.
"""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction
from typing import Any

import av

RATE, SECONDS = 20, 3
SAMPLES = 48000 // RATE
ENCODING = {"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "g": "20"}


def main(url: str, options: dict[str, str]) -> None:
    with av.open(url, "w", format="whip", options=options) as target:
        video: Any = target.add_stream(
            "libx264",
            rate=RATE,
            options={"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "g": "20"},
        )
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        audio: Any = target.add_stream("libopus", rate=48000)
        audio.layout = "stereo"
        begin = time.monotonic()
        for number in range(RATE * SECONDS):
            for stream, frame in ((video, _picture(number)), (audio, _sound(number))):
                for packet in stream.encode(frame):
                    target.mux(packet)
            time.sleep(max(0.0, begin + number / RATE - time.monotonic()))


def _picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(320, 240, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([number * 3 % 256]) * plane.buffer_size)
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _sound(number: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="stereo", samples=SAMPLES)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.pts, frame.time_base = 48000, number * SAMPLES, Fraction(1, 48000)
    return frame


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
