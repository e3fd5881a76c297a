"""Small builders of RTP and tap frames for the unit tests."""

from __future__ import annotations

import struct

from media.tap import RTP, TRACK, TapFrame
from recordings.reorder import Ordered
from recordings.rtp import RtpPacket


def packet(sequence: int, timestamp: int = 0, payload: bytes = b"\x41x", marker: bool = False) -> RtpPacket:
    return RtpPacket(96, sequence & 0xFFFF, timestamp, 1, marker, payload)


def ordered(sequence: int, timestamp: int, payload: bytes, marker: bool = False, lost_before: int = 0) -> Ordered:
    return Ordered(packet(sequence, timestamp, payload, marker), 0, lost_before)


def rtp_bytes(sequence: int, timestamp: int, payload: bytes, marker: bool = False, payload_type: int = 96) -> bytes:
    second = payload_type | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7) + payload


def tap_frame(number: int, sequence: int, arrival_us: int, rtp: bytes) -> TapFrame:
    return TapFrame(RTP, sequence, arrival_us, TRACK.pack(number) + rtp)
