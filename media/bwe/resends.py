"""How many lost packets a viewer may have sent again: repairs must not drown the path that has just lost them. Pure."""

from __future__ import annotations

MAX_PER_S = 1000  # a fifth of nine good pictures; a client that asks for more wastes what others need
SHARE = 0.3  # of the budget for pictures: a tenth lost, some of it twice, and as much again in bursts
PACKET_BITS = 1000 * 8
BURST_S, MIN_BURST = 1.0, 8  # packets: a radio's burst of losses is repaired at once, whatever the budget


class Resends:
    """One viewer's. Sound is counted, and bounded by the total alone."""

    __slots__ = ("_at", "_left", "_since", "_total_left")

    def __init__(self, now: float) -> None:
        self._total_left = MAX_PER_S
        self._since = self._at = now
        self._left = float(MIN_BURST)

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

    def _refill(self, limit_bps: float, now: float) -> int:
        per_s = SHARE * limit_bps / PACKET_BITS
        most = max(float(MIN_BURST), per_s * BURST_S)
        self._left = min(most, self._left + (now - self._at) * per_s)
        self._at = now
        return int(self._left)
