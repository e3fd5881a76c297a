"""The share of packets that a path loses in the long run: what lasts, apart from single bursts. Pure, time is given."""

from __future__ import annotations

HALVED_S = 8.0  # half of what is known is forgotten in that time
PRIOR = 60  # so many packets without loss are assumed: a few at the beginning say nothing


class LastingLoss:
    """Told how many packets were expected and received so far; both begin anew with another source."""

    __slots__ = ("_at", "_expected", "_lost", "_seen_expected", "_seen_received")

    def __init__(self) -> None:
        self._at = 0.0
        self._lost = self._expected = 0.0
        self._seen_expected = self._seen_received = 0

    def note(self, expected: int, received: int, now: float) -> float:
        """Takes totals in; the share that is lost."""
        new, came = expected - self._seen_expected, received - self._seen_received
        self._seen_expected, self._seen_received = expected, received
        kept: float = 0.5 ** ((now - self._at) / HALVED_S)
        self._at = now
        self._lost *= kept
        self._expected *= kept
        if new >= 0 and came >= 0:
            self._lost += new - came  # negative when packets come late
            self._expected += new
        return max(0.0, self._lost) / (self._expected + PRIOR)
