"""The RTP header as offsets into bytes (RFC 3550 §5.1) and its extensions (RFC 8285). Raises ValueError."""

from __future__ import annotations

import struct
from collections.abc import Iterator

FIXED = struct.Struct("!BBHII")  # V/P/X/CC, M/PT, sequence, timestamp, SSRC
FIXED_SIZE = 12
_WORD_PAIR = struct.Struct("!HH")
ONE_BYTE_PROFILE = 0xBEDE

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


def payload_offset(packet: bytes) -> int:
    """Where the payload begins."""
    size = len(packet)
    if size < FIXED_SIZE or packet[0] >> 6 != 2:
        raise ValueError("not an RTP packet")
    offset = FIXED_SIZE + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if offset + 4 > size:
            raise ValueError("header extension is cut off")
        offset += 4 + 4 * ((packet[offset + 2] << 8) | packet[offset + 3])
    if offset > size:
        raise ValueError("header is longer than the packet")
    return offset


def extensions(packet: bytes) -> Iterator[tuple[int, int, int]]:
    """``(id, start, length)`` of each header extension, either form. ``payload_offset`` must have passed."""
    if not packet[0] & 0x10:
        return
    offset = FIXED_SIZE + 4 * (packet[0] & 0x0F)
    profile, words = _WORD_PAIR.unpack_from(packet, offset)
    offset += 4
    end = offset + 4 * words
    if profile == ONE_BYTE_PROFILE:
        yield from _one_byte(packet, offset, end)
    elif profile & 0xFFF0 == 0x1000:
        yield from _two_byte(packet, offset, end)


def _one_byte(packet: bytes, offset: int, end: int) -> Iterator[tuple[int, int, int]]:
    while offset < end:
        head = packet[offset]
        offset += 1
        if head == 0:
            continue
        if head >> 4 == 15:  # RFC 8285 §4.2: stop processing
            return
        length = (head & 0x0F) + 1
        if offset + length > end:
            return
        yield head >> 4, offset, length
        offset += length


def _two_byte(packet: bytes, offset: int, end: int) -> Iterator[tuple[int, int, int]]:
    while offset < end:
        id_ = packet[offset]
        offset += 1
        if id_ == 0:
            continue
        if offset >= end:
            return
        length = packet[offset]
        offset += 1
        if offset + length > end:
            return
        yield id_, offset, length
        offset += length


def strip(packet: bytes, offset: int) -> bytes:
    """The packet with neither CSRCs nor extensions, whose ids mean nothing to another connection."""
    if offset == FIXED_SIZE:
        return packet
    return bytes((packet[0] & 0xE0,)) + packet[1:FIXED_SIZE] + packet[offset:]


def unwrap_rtx(packet: bytes, offset: int, payload_type: int, ssrc: int) -> bytes:
    """The packet that an RTX packet carries (RFC 4588 §4). Raises ValueError when it carries none (padding only)."""
    end = len(packet)
    if packet[0] & 0x20:
        end -= packet[-1]
    if offset + 2 >= end:
        raise ValueError("RTX packet without a payload")
    first = packet[0] & 0xDF
    second = (packet[1] & 0x80) | payload_type
    original = packet[offset : offset + 2]
    ssrc_bytes = ssrc.to_bytes(4, "big")
    head = bytes((first, second)) + original + packet[4:8] + ssrc_bytes
    return head + packet[FIXED_SIZE:offset] + packet[offset + 2 : end]


def wrap_rtx(packet: bytes, payload_type: int, ssrc: int, sequence: int) -> bytes:
    """An RTX packet for a packet without extensions (RFC 4588 §4)."""
    original: int
    first, second, original, timestamp, _ = FIXED.unpack_from(packet)
    head = FIXED.pack(first, (second & 0x80) | payload_type, sequence & 0xFFFF, timestamp, ssrc)
    return head + original.to_bytes(2, "big") + packet[FIXED_SIZE:]
