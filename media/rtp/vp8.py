"""The VP8 payload descriptor (RFC 7741 §4.2): keyframes, and picture ids that must not jump when a source changes."""

from __future__ import annotations

from typing import NamedTuple


class Descriptor(NamedTuple):
    """Offsets into the packet; -1 for a field that is absent."""

    picture_id: int
    picture_id_offset: int
    long_picture_id: bool
    tl0_picture_index: int
    tl0_offset: int
    keyframe_start: bool


_START_CODE = b"\x9d\x01\x2a"
NOTHING = Descriptor(-1, -1, False, -1, -1, False)


def parse(packet: bytes, offset: int) -> Descriptor:
    """The descriptor at ``offset``; ``NOTHING`` for a payload that is cut off."""
    try:
        return _parse(packet, offset)
    except IndexError:
        return NOTHING


def _parse(packet: bytes, offset: int) -> Descriptor:
    first = packet[offset]
    position = offset + 1
    picture_id = picture_id_offset = tl0 = tl0_offset = -1
    long_id = False
    if first & 0x80:
        flags = packet[position]
        position += 1
        if flags & 0x80:
            picture_id_offset = position
            picture_id = packet[position] & 0x7F
            long_id = packet[position] & 0x80 != 0
            if long_id:
                picture_id = picture_id << 8 | packet[position + 1]
            position += 2 if long_id else 1
        if flags & 0x40:
            tl0_offset = position
            tl0 = packet[position]
            position += 1
        if flags & 0x30:
            position += 1
    # S bit and partition 0, then the P bit of the frame tag is 0 for a keyframe (RFC 6386 §9.1).
    keyframe = first & 0x17 == 0x10 and packet[position] & 0x01 == 0
    return Descriptor(picture_id, picture_id_offset, long_id, tl0, tl0_offset, keyframe)


def height(packet: bytes, offset: int) -> int:
    """Of the keyframe that begins in this packet (RFC 6386 §9.1); 0 for anything else."""
    if not parse(packet, offset).keyframe_start:
        return 0
    at = packet.find(_START_CODE, offset + 1)
    if at < 0 or at > offset + 16 or at + 7 > len(packet):
        return 0
    return (packet[at + 5] | packet[at + 6] << 8) & 0x3FFF


def shift(packet: bytes, offset: int, picture_delta: int, tl0_delta: int) -> bytes:
    """The packet with its picture id and TL0 index moved on."""
    found = parse(packet, offset)
    if found.picture_id_offset < 0 and found.tl0_offset < 0:
        return packet
    moved = bytearray(packet)
    if found.picture_id_offset >= 0:
        at = found.picture_id_offset
        if found.long_picture_id:
            value = (found.picture_id + picture_delta) & 0x7FFF
            moved[at] = 0x80 | value >> 8
            moved[at + 1] = value & 0xFF
        else:
            moved[at] = (found.picture_id + picture_delta) & 0x7F
    if found.tl0_offset >= 0:
        moved[found.tl0_offset] = (found.tl0_picture_index + tl0_delta) & 0xFF
    return bytes(moved)
