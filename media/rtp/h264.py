"""Where an H.264 keyframe begins, read from RTP payload headers (RFC 6184 §5). Total: any bytes give an answer."""

from __future__ import annotations

_IDR, _SPS = 5, 7
_STAP_A, _FU_A = 24, 28


def carries_parameters(payload: bytes, offset: int = 0) -> bool:
    """Whether the packet holds a sequence parameter set, with which browsers begin every keyframe."""
    if offset >= len(payload):
        return False
    unit = payload[offset] & 0x1F
    return unit == _SPS or (unit == _STAP_A and _aggregates(payload, offset + 1, _SPS))


def starts_idr(payload: bytes, offset: int = 0) -> bool:
    """Whether the packet holds the beginning of an IDR picture's slice."""
    if offset >= len(payload):
        return False
    unit = payload[offset] & 0x1F
    if unit == _STAP_A:
        return _aggregates(payload, offset + 1, _IDR)
    if unit == _FU_A:
        return offset + 1 < len(payload) and payload[offset + 1] & 0x80 != 0 and payload[offset + 1] & 0x1F == _IDR
    return unit == _IDR


def _aggregates(payload: bytes, offset: int, wanted: int) -> bool:
    size = len(payload)
    while offset + 2 < size:
        if payload[offset + 2] & 0x1F == wanted:
            return True
        offset += 2 + (payload[offset] << 8 | payload[offset + 1])
    return False
