"""Reads RTP packets (RFC 3550 §5.1). Pure; knows no codec."""

from __future__ import annotations

import struct
from typing import NamedTuple

_FIXED = struct.Struct("!BBHII")
_EXTENSION_LENGTH = struct.Struct("!2xH")
VERSION = 2


class RtpPacket(NamedTuple):
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket:
    """The packet without its header, extension and padding. ValueError when it is not RTP."""
    if len(data) < _FIXED.size:
        raise ValueError("RTP packet is shorter than its header")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != VERSION:
        raise ValueError("not RTP version 2")
    start = _FIXED.size + 4 * (first & 0x0F)
    if first & 0x10:
        if len(data) < start + 4:
            raise ValueError("RTP extension is cut off")
        start += 4 + 4 * int(_EXTENSION_LENGTH.unpack_from(data, start)[0])
    end = len(data)
    if first & 0x20:
        end -= data[-1]
    if not start <= end:
        raise ValueError("RTP header is longer than the packet")
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, bool(second & 0x80), data[start:end])


def sequence_delta(newer: int, older: int) -> int:
    """``newer - older`` of 16-bit sequence numbers, between -32768 and 32767."""
    return (newer - older + 0x8000) % 0x10000 - 0x8000


def timestamp_delta(newer: int, older: int) -> int:
    """``newer - older`` of 32-bit RTP times, between -2^31 and 2^31 - 1."""
    return (newer - older + 0x80000000) % 0x100000000 - 0x80000000
