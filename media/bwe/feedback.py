"""Reads transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

Bytes in, two lists out, no object per packet. The work is bounded by the size of the message, whatever it claims:
a packet that did not arrive costs nothing, one that did must bring its delta along.
"""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import NamedTuple

_HEAD = struct.Struct("!IIHHI")
_TICK_US = 250
_REFERENCE_US = 64_000
_REFERENCE_WRAP = 1 << 24
_SMALL, _LARGE, _RESERVED = 1, 2, 3


class Feedback(NamedTuple):
    """The packets that arrived, in the order of their numbers, with the receiver's time of each."""

    media_ssrc: int
    ordinal: int  # of this message, modulo 256
    numbers: list[int]
    arrivals_us: list[int]  # the receiver's clock has an origin of its own and wraps after 12 days


def read(data: bytes, start: int, end: int) -> Feedback:
    """The body of an RTPFB packet with format 15. Raises ValueError when it is malformed."""
    if end - start < _HEAD.size + 2 or end > len(data):
        raise ValueError("transport feedback is cut off")
    _, ssrc, base, status_count, last = _HEAD.unpack_from(data, start)
    offsets, kinds, at = _read_chunks(data, start + _HEAD.size, end, status_count)
    reference_us = (last >> 8) * _REFERENCE_US
    if _LARGE in kinds:
        arrivals = _read_deltas(data, at, end, kinds, reference_us)
    else:
        if at + len(kinds) > end:
            raise ValueError("transport feedback lacks deltas")
        small = [tick * _TICK_US for tick in data[at : at + len(kinds)]]
        arrivals = list(accumulate(small, initial=reference_us))[1:]
    last_offset = base + offsets[-1] if offsets else 0
    numbers = [base + offset for offset in offsets]
    if last_offset > 0xFFFF:
        numbers = [number & 0xFFFF for number in numbers]
    return Feedback(ssrc, last & 0xFF, numbers, arrivals)


def unwrap_us(arrival_us: int, near_us: int) -> int:
    """The arrival nearest to an earlier one, over the wrap of the 24-bit reference time."""
    span = _REFERENCE_WRAP * _REFERENCE_US
    return arrival_us + (near_us - arrival_us + span // 2) // span * span


def _read_chunks(data: bytes, at: int, end: int, status_count: int) -> tuple[list[int], bytearray, int]:
    """Which packets arrived (as offsets from the base), with what kind of delta; and where the deltas begin."""
    offsets: list[int] = []
    kinds = bytearray()
    seen = 0
    while seen < status_count:
        if at + 2 > end:
            raise ValueError("transport feedback lacks chunks")
        chunk = data[at] << 8 | data[at + 1]
        at += 2
        if chunk & 0x8000:
            seen = _read_vector(chunk, seen, status_count, offsets, kinds)
            continue
        symbol, run = chunk >> 13 & 3, chunk & 0x1FFF
        run = min(run, status_count - seen)
        if symbol == _RESERVED or not run:
            raise ValueError("transport feedback has a malformed run")
        if symbol:
            if len(kinds) + run > end - at:
                raise ValueError("transport feedback lacks deltas")
            offsets.extend(range(seen, seen + run))
            kinds += bytes((symbol,)) * run
        seen += run
    return offsets, kinds, at


def _read_vector(chunk: int, seen: int, status_count: int, offsets: list[int], kinds: bytearray) -> int:
    """Seven two-bit or fourteen one-bit symbols (§3.1.4); those behind the last packet are padding."""
    width, places = (2, 7) if chunk & 0x4000 else (1, 14)
    mask = (1 << width) - 1
    for place in range(min(places, status_count - seen)):
        symbol = chunk >> width * (places - 1 - place) & mask
        if symbol == _RESERVED:
            raise ValueError("transport feedback has a reserved symbol")
        if symbol:
            offsets.append(seen + place)
            kinds.append(symbol)
    return min(seen + places, status_count)


def _read_deltas(data: bytes, at: int, end: int, kinds: bytearray, clock_us: int) -> list[int]:
    arrivals: list[int] = []
    for kind in kinds:
        if at + kind > end:
            raise ValueError("transport feedback lacks deltas")
        if kind == _SMALL:
            clock_us += data[at] * _TICK_US
        else:
            clock_us += int.from_bytes(data[at : at + 2], "big", signed=True) * _TICK_US
        at += kind
        arrivals.append(clock_us)
    return arrivals
