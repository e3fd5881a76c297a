"""Which lost packets a viewer is sent again: repairs must not drown the path that has just lost them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MAX_PER_S = 1000  # a fifth of nine good pictures; a client that asks for more wastes what others need
SHARE = 0.3  # of the budget for pictures: a tenth lost, some of it twice, and as much again in bursts
PACKET_BITS = 1000 * 8
BURST_S, MIN_BURST = 1.0, 8  # packets: a radio's burst of losses is repaired at once, whatever the budget
# A browser asks for a packet every round trip as it knows it. Where the path has just become ten times as long, that is
# ten times before the first copy can be there: then what is left for repairs would go into copies.
ROUND_TRIPS, MAX_WAIT_S = 0.8, 0.5  # between two copies; what is known of the round trip may have a queue in it
FIRST_AGAIN_S, MAX_AGAIN_S = 0.02, 0.32  # and no less than this, twice as long from copy to copy
MAX_KNOWN, FORGOTTEN_S, CLEARED_S = 512, 3.0, 0.5  # with 1000 a second there are never many more

Lost = tuple[int, int]  # SSRC and sequence number


class Resends:
    """One viewer's. Sound is counted, and bounded by the total alone."""

    __slots__ = ("_at", "_cleared_at", "_copies", "_left", "_since", "_total_left")

    def __init__(self, now: float) -> None:
        self._total_left = MAX_PER_S
        self._since = self._at = self._cleared_at = now
        self._left = float(MIN_BURST)
        self._copies: dict[Lost, tuple[int, float]] = {}  # how many have left, and when the last

    def due(self, ssrc: int, wanted: Sequence[int], now: float, rtt_s: float) -> list[int]:
        """Those of which no copy can be under way."""
        least_s = min(ROUND_TRIPS * rtt_s, MAX_WAIT_S)
        found = []
        for sequence in dict.fromkeys(wanted):
            count, at = self._sent((ssrc, sequence), now)
            if not count or now - at >= max(least_s, min(FIRST_AGAIN_S * 2 ** (count - 1), MAX_AGAIN_S)):
                found.append(sequence)
        return found

    def note(self, ssrc: int, sent: Sequence[int], now: float) -> None:
        """A copy of each has left, or would have if it were there."""
        copies = self._copies
        if len(copies) > MAX_KNOWN and now - self._cleared_at >= CLEARED_S:
            self._cleared_at = now
            for lost in [lost for lost, (_, at) in copies.items() if now - at > FORGOTTEN_S]:
                del copies[lost]
        for sequence in sent:
            count, _ = self._sent((ssrc, sequence), now)
            copies[ssrc, sequence] = (count + 1, now)

    def take(self, count: int, is_video: bool, limit_bps: float | None, now: float) -> int:
        """How many of ``count`` may go out. ``limit_bps``: the budget for pictures, where one is known."""
        if now - self._since >= 1:
            self._total_left, self._since = MAX_PER_S, now
        allowed = min(count, self._total_left)
        if is_video and limit_bps is not None:
            allowed = min(allowed, self._refill(limit_bps, now))
            self._left -= allowed
        self._total_left -= allowed
        return allowed

    def _sent(self, lost: Lost, now: float) -> tuple[int, float]:
        """How many copies, and when the last. After so long the number stands for another packet."""
        count, at = self._copies.get(lost, (0, 0.0))
        return (count, at) if now - at <= FORGOTTEN_S else (0, 0.0)

    def _refill(self, limit_bps: float, now: float) -> int:
        per_s = SHARE * limit_bps / PACKET_BITS
        most = max(float(MIN_BURST), per_s * BURST_S)
        self._left = min(most, self._left + (now - self._at) * per_s)
        self._at = now
        return int(self._left)
