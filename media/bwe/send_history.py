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

    __slots__ = ("_streams", "next", "places", "sizes", "streams", "times_us")

    def __init__(self) -> None:
        self.next = 1
        self.times_us: array[int] = array("q")  # 0: never used
        self.sizes: array[int] = array("H")
        self.streams: array[int] = array("I")
        self.places: array[int] = array("I")  # how many packets the stream had before
        self._streams = 0

    def open_stream(self) -> NumberedStream:
        if not self.times_us:  # a room without a single viewer who is measured needs no table
            self.times_us, self.sizes = array("q", bytes(8 * CAPACITY)), array("H", bytes(2 * CAPACITY))
            self.streams, self.places = array("I", bytes(4 * CAPACITY)), array("I", bytes(4 * CAPACITY))
        self._streams = (self._streams + 1) & 0xFFFFFFFF
        return NumberedStream(self, self._streams)

    def holds(self, number: int) -> bool:
        """Whether this number was given away and is still in the ring."""
        is_recent = (self.next - 1 - number) & 0xFFFF < CAPACITY
        return is_recent and bool(self.times_us) and self.times_us[number & MASK] != 0


class NumberedStream:
    """A layer that is forwarded, or what is sent to one viewer alone."""

    __slots__ = ("_count", "_history", "id")

    def __init__(self, history: SendHistory, id_: int) -> None:
        self.id = id_
        self._history = history
        self._count = 0

    def note(self, sizes: Iterable[int], now_us: int) -> int:
        """Numbers packets that leave now, one after the other; returns the first's."""
        history = self._history
        first = number = history.next
        place, stream = self._count, self.id
        times, table, streams, places = history.times_us, history.sizes, history.streams, history.places
        for size in sizes:
            index = number & MASK
            times[index] = now_us
            table[index] = size
            streams[index] = stream
            places[index] = place & 0xFFFFFFFF
            place += 1
            number += 1
        self._count = place
        history.next = number & 0xFFFF
        return first
