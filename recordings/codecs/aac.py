"""16-bit mono blocks → AAC-LC frames at known positions."""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import NamedTuple

import av
from av.audio.stream import AudioStream

from recordings.fmp4 import AudioConfig
from recordings.mixer import BLOCK, RATE

BIT_RATE_BPS = 64_000


class AacFrame(NamedTuple):
    """``position`` in samples from the origin; every frame lasts one block."""

    position: int
    data: bytes


class AacEncoder:
    """One encoder from ``position`` on. Its first frame is priming: it decodes to what lies before, and is dropped."""

    def __init__(self, position: int) -> None:
        self._first = self._position = position
        self._context = av.AudioCodecContext.create("aac", "w")
        self._context.sample_rate = RATE
        self._context.layout = "mono"
        self._context.format = "fltp"
        self._context.bit_rate = BIT_RATE_BPS
        self._context.time_base = Fraction(1, RATE)
        self._context.open()

    @property
    def config(self) -> AudioConfig:
        return AudioConfig(bytes(self._context.extradata or b""), RATE, 1)

    def encode(self, block: array[int]) -> list[AacFrame]:
        frame = av.AudioFrame(format="s16", layout="mono", samples=BLOCK)
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = self._position
        frame.planes[0].update(block.tobytes())
        self._position += BLOCK
        return self._frames(self._context.encode(frame))

    def flush(self) -> list[AacFrame]:
        """The last frames; the encoder is spent afterwards."""
        return self._frames(self._context.encode(None))

    def _frames(self, packets: list[av.Packet[AudioStream]]) -> list[AacFrame]:
        return [
            AacFrame(packet.pts, bytes(packet))
            for packet in packets
            if packet.pts is not None and packet.pts >= self._first
        ]
