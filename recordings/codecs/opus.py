"""Opus packets → 16-bit mono at 48 kHz."""

from __future__ import annotations

from array import array

import av
from av.error import FFmpegError

from recordings.mixer import RATE

_SILK_MS = (10, 20, 40, 60)
_CELT_MS = (2.5, 5, 10, 20)


class OpusDecoder:
    """One stream. A packet that cannot be decoded becomes silence of its length."""

    def __init__(self) -> None:
        self.undecodable = 0
        self._context = av.AudioCodecContext.create("libopus", "r")
        self._context.sample_rate = RATE
        self._context.layout = "mono"

    def decode(self, payload: bytes) -> array[int]:
        samples = array("h")
        if not payload:  # padding; the decoder would take an empty packet for the end of the stream
            return samples
        try:
            for frame in self._context.decode(av.Packet(payload)):
                samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
        except FFmpegError:
            self.undecodable += 1
            samples = array("h", bytes(2 * packet_samples(payload)))
        return samples


def packet_samples(payload: bytes) -> int:
    """Samples of a packet at 48 kHz, from its TOC byte (RFC 6716 §3.1). 0 for an empty packet."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 3
    frames = (1, 2, 2)[code] if code < 3 else (payload[1] & 0x3F if len(payload) > 1 else 0)
    if config < 12:
        frame_ms: float = _SILK_MS[config & 3]
    elif config < 16:
        frame_ms = (10, 20)[config & 1]
    else:
        frame_ms = _CELT_MS[config & 3]
    return int(frames * frame_ms * RATE / 1000)
