"""Makes a small film that looks and sounds like a lesson: for the demonstration and for tests."""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from pathlib import Path

import av

from recordings.mixer import BLOCK, RATE

WIDTH, HEIGHT, FPS = 640, 360, 10
_COUNTER_BITS = 16
_SYLLABLES_HZ = (150, 170, 140, 190, 160, 130)
_SYLLABLE_S = 0.22


def make_sample(path: Path, seconds: int) -> None:
    """An MP4 with H.264 and AAC: a bar that wanders, a bar of progress, a binary counter, a voice of tones."""
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = Fraction(1, FPS)
        video.gop_size = 4 * FPS
        video.options = {"preset": "veryfast", "crf": "30", "profile": "baseline"}
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 48_000
        sounded = 0
        for number in range(seconds * FPS):
            frame = _draw(number, seconds * FPS)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            for packet in video.encode(frame):
                container.mux(packet)
            while sounded < (number + 1) * RATE // FPS:
                for packet in audio.encode(_voice(sounded)):
                    container.mux(packet)
                sounded += BLOCK
        for packet in (*video.encode(None), *audio.encode(None)):
            container.mux(packet)


def _draw(number: int, total: int) -> av.VideoFrame:
    """Built from a few different lines, so that it costs little."""
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    luma = frame.planes[0]
    stride = luma.line_size
    ground = bytearray([48]) * stride
    wander = bytearray(ground)
    left = int((WIDTH - 80) * (0.5 + 0.5 * math.sin(number / FPS)))
    wander[left : left + 80] = bytes([180]) * 80
    progress = bytearray(ground)
    progress[: WIDTH * (number + 1) // total] = bytes([210]) * (WIDTH * (number + 1) // total)
    counter = bytearray(ground)
    block = WIDTH // _COUNTER_BITS
    for bit in range(_COUNTER_BITS):
        counter[bit * block : (bit + 1) * block - 4] = bytes([230 if number >> bit & 1 else 16]) * (block - 4)
    lines = [(counter, 40), (ground, 60), (wander, 160), (ground, 76), (progress, 24)]
    luma.update(b"".join(bytes(line) * count for line, count in lines))
    for plane, tint in zip(frame.planes[1:], (140, 110), strict=True):
        plane.update(bytes([tint]) * plane.buffer_size)
    return frame


def _voice(start: int) -> av.AudioFrame:
    """A buzz with two formants, syllable by syllable, with a breath between sentences."""
    samples = array("h", bytes(2 * BLOCK))
    for index in range(BLOCK):
        seconds = (start + index) / RATE
        syllable = int(seconds / _SYLLABLE_S)
        if syllable % 12 > 9:
            continue
        shape = math.sin(math.pi * (seconds / _SYLLABLE_S % 1))
        phase = 2 * math.pi * _SYLLABLES_HZ[syllable % len(_SYLLABLES_HZ)] * seconds
        value = math.sin(phase) + 0.5 * math.sin(4 * phase) + 0.25 * math.sin(9 * phase)
        samples[index] = int(6000 * shape * value)
    frame = av.AudioFrame(format="s16", layout="mono", samples=BLOCK)
    frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
    frame.planes[0].update(samples.tobytes())
    return frame
