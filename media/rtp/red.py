"""Redundant audio (RFC 2198): each packet repeats what the one before it said. Total: any bytes give an answer."""

from __future__ import annotations

MAX_BLOCKS = 8
_BLOCK_HEADER = 4  # of a repeated block; the last one, which is new, has a single octet


def primary(packet: bytes, offset: int, payload_type: int) -> bytes | None:
    """The packet with its new block alone, as it would have come without redundancy; None where there is none.

    ``offset``: where the payload begins.
    """
    size = len(packet)
    at = offset
    repeated = 0
    for _ in range(MAX_BLOCKS):
        if at >= size:
            return None
        if not packet[at] & 0x80:
            begin = at + 1 + repeated
            if begin >= size:
                return None
            return b"".join((packet[:1], bytes((packet[1] & 0x80 | payload_type,)), packet[2:offset], packet[begin:]))
        if at + _BLOCK_HEADER > size:
            return None
        repeated += (packet[at + 2] & 0x03) << 8 | packet[at + 3]
        at += _BLOCK_HEADER
    return None
