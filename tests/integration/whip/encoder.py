"""FFmpeg's WHIP muxer as a program of its own, like an encoder in a hall: sends until its standard input ends.

``python -m tests.integration.whip.encoder URL TOKEN BRIGHTNESS [OPTIONS-AS-JSON]``
"""

from __future__ import annotations

import json
import sys
import threading
import time
from fractions import Fraction
from typing import Any

import av

RATE = 20
SAMPLES = 48000 // RATE
WIDTH, HEIGHT = 320, 240
ENCODING = {"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "g": "20"}


def main(url: str, token: str, brightness: int, options: dict[str, str]) -> None:
    ended = threading.Event()
    threading.Thread(target=wait_for_end, args=(ended,), daemon=True).start()
    with av.open(url, "w", format="whip", options={"authorization": token, **options}) as target:
        video: Any = target.add_stream("libx264", rate=RATE, options=ENCODING)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio: Any = target.add_stream("libopus", rate=48000)
        audio.layout = "stereo"
        begin, number = time.monotonic(), 0
        while not ended.is_set():
            for stream, frame in ((video, picture(number, brightness)), (audio, sound(number))):
                for packet in stream.encode(frame):
                    target.mux(packet)
            number += 1
            time.sleep(max(0.0, begin + number / RATE - time.monotonic()))


def wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def picture(number: int, brightness: int) -> av.VideoFrame:
    """One grey, and a dark bar that wanders."""
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane, value in zip(frame.planes, (brightness, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    luma = frame.planes[0]
    rows = bytearray(bytes(luma))
    top = number * 4 % (HEIGHT - 8)
    rows[top * luma.line_size : (top + 8) * luma.line_size] = bytes([16]) * (8 * luma.line_size)
    luma.update(bytes(rows))
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def sound(number: int) -> av.AudioFrame:
    """A loud buzz."""
    frame = av.AudioFrame(format="s16", layout="stereo", samples=SAMPLES)
    wave = b"".join((12000 if n // 60 % 2 else -12000).to_bytes(2, "little", signed=True) * 2 for n in range(SAMPLES))
    frame.planes[0].update(wave[: frame.planes[0].buffer_size])
    frame.sample_rate, frame.pts, frame.time_base = 48000, number * SAMPLES, Fraction(1, 48000)
    return frame


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]) if len(sys.argv) > 4 else {})
