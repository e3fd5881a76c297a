"""Many members' own numbers written at once: a wide integer is a row of lanes, one per member, and adds as a vector.

Viewers whose slot has carried several layers go on with numbers of their own, yet all else of a packet is the same for
all. So a packet is written once, and what each member has beyond it is added to its sequence number and timestamp in
the copies. A lane is twice as wide as the number: sums cannot reach the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache


class Lanes:
    """For ``offsets[i]`` of member i: (sequence, timestamp), modulo 2^16 and 2^32."""

    __slots__ = ("_count", "_sequences", "_timestamps")

    def __init__(self, offsets: Sequence[tuple[int, int]]) -> None:
        self._count = len(offsets)
        self._sequences = int.from_bytes(b"".join(sequence.to_bytes(4, "big") for sequence, _ in offsets), "big")
        self._timestamps = int.from_bytes(b"".join(timestamp.to_bytes(8, "big") for _, timestamp in offsets), "big")

    def write_sequences(self, halves: memoryview, at: int, step: int, value: int) -> None:
        """``value`` and each member's offset to ``at``, ``at + step`` …, counted in 16-bit words of ``halves``."""
        count = self._count
        row = (self._sequences + value * _ones(count, 4)).to_bytes(4 * count, "big")
        halves[at : at + step * (count - 1) + 1 : step] = memoryview(row).cast("H")[1::2]

    def write_timestamps(self, words: memoryview, at: int, step: int, value: int) -> None:
        """The same with timestamps, counted in 32-bit words of ``words``."""
        count = self._count
        row = (self._timestamps + value * _ones(count, 8)).to_bytes(8 * count, "big")
        words[at : at + step * (count - 1) + 1 : step] = memoryview(row).cast("I")[1::2]


@cache
def _ones(count: int, width: int) -> int:
    """1 in each lane of so many bytes."""
    return int.from_bytes((bytes(width - 1) + b"\1") * count, "big")
