"""The transport-wide numbers of one room: which packet had which, when it left, how big it was, of which stream.

One numbering for the whole room, so that a cohort's header is the same for all members. Each packet of a source takes
one number, whoever gets it; a viewer simply does not know the others. Losses are therefore counted per stream: each
entry holds how many packets its stream had before it, and what lies between two that arrived was lost.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

CAPACITY = 1 << 14  # 3 s at 5,000 numbers a second, half a minute of a lesson; a power of two
MASK = CAPACITY - 1


class SendHistory:
    """A ring over the 16-bit numbers. The arrays are open to the estimator's inner loop, which must not write."""

    __slots__ = ("_counts", "_streams", "next", "places", "sizes", "streams", "times_us")

    def __init__(self) -> None:
        self.next = 1
        self.times_us = array("q", bytes(8 * CAPACITY))  # 0: never used
        self.sizes = array("H", bytes(2 * CAPACITY))
        self.streams = array("I", bytes(4 * CAPACITY))
        self.places = array("I", bytes(4 * CAPACITY))  # how many packets the stream had before
        self._streams = 0
        self._counts: dict[int, int] = {}

    def open_stream(self) -> int:
        """A stream: a layer that is forwarded, or what is sent to one viewer alone."""
        self._streams = (self._streams + 1) & 0xFFFFFFFF
        self._counts[self._streams] = 0
        return self._streams

    def close_stream(self, stream: int) -> None:
        self._counts.pop(stream, None)

    def note(self, stream: int, sizes: Iterable[int], now_us: int) -> int:
        """Numbers packets that leave now, one after the other; returns the first's."""
        first = number = self.next
        place = self._counts.get(stream, 0)
        times, table, streams, places = self.times_us, self.sizes, self.streams, self.places
        for size in sizes:
            index = number & MASK
            times[index] = now_us
            table[index] = size
            streams[index] = stream
            places[index] = place & 0xFFFFFFFF
            place += 1
            number += 1
        self._counts[stream] = place
        self.next = number & 0xFFFF
        return first

    def holds(self, number: int) -> bool:
        """Whether this number was given away and is still in the ring."""
        return (self.next - 1 - number) & 0xFFFF < CAPACITY and self.times_us[number & MASK] != 0
