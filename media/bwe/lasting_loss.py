"""The share of packets that a path loses in the long run: what lasts, apart from single bursts. Pure, time is given."""

from __future__ import annotations

HALVED_S = 8.0  # half of what is known is forgotten in that time
PRIOR = 60  # so many packets without loss are assumed: a few at the beginning say nothing
# Of a path that lost next to nothing no more is remembered than so many packets: it says little of what it has become,
# and must not hide it for half a minute.
CLEAN, CLEAN_PACKETS = 0.01, 150


class LastingLoss:
    """``halved_s``, ``prior``: see above."""

    __slots__ = ("_at", "_expected", "_halved_s", "_lost", "_prior", "_seen_expected", "_seen_received")

    def __init__(self, halved_s: float = HALVED_S, prior: int = PRIOR) -> None:
        self._halved_s = halved_s
        self._prior = prior
        self._at = 0.0
        self._lost = self._expected = 0.0
        self._seen_expected = self._seen_received = 0

    def add(self, lost: int, expected: int, now: float) -> None:
        """So many more; ``lost`` may be negative when packets come late."""
        kept: float = 0.5 ** ((now - self._at) / self._halved_s)
        self._at = now
        if self._expected > CLEAN_PACKETS and self._lost < CLEAN * self._expected:
            self._lost *= CLEAN_PACKETS / self._expected
            self._expected = float(CLEAN_PACKETS)
        self._lost = kept * self._lost + lost
        self._expected = kept * self._expected + expected

    def share(self, now: float) -> float:
        kept: float = 0.5 ** ((now - self._at) / self._halved_s)
        return kept * max(0.0, self._lost) / (kept * self._expected + self._prior)

    def note(self, expected: int, received: int, now: float) -> float:
        """Takes totals in, which begin anew with another source; the share that is lost."""
        new, came = expected - self._seen_expected, received - self._seen_received
        self._seen_expected, self._seen_received = expected, received
        is_same = new >= 0 and came >= 0
        self.add(new - came if is_same else 0, new if is_same else 0, now)
        return self.share(now)

    def forget(self) -> None:
        self._lost = self._expected = 0.0
