"""The share of packets that a path loses in the long run: what lasts, apart from single bursts. Pure, time is given."""

from __future__ import annotations

HALVED_S = 8.0  # half of what is known is forgotten in that time
PRIOR = 30  # so many packets without loss are assumed: a few at the beginning say nothing
# Of a path that lost next to nothing no more is remembered than so many packets: it says little of what it has become,
# and must not hide it for half a minute.
CLEAN, CLEAN_PACKETS = 0.01, 150


class LastingLoss:
    """``halved_s``, ``prior``: see above. What was before the last ``memory`` packets is forgotten."""

    __slots__ = ("_at", "_expected", "_halved_s", "_lost", "_memory", "_prior", "_seen")

    def __init__(self, halved_s: float = HALVED_S, prior: int = PRIOR, memory: float = float("inf")) -> None:
        self._halved_s = halved_s
        self._prior = prior
        self._memory = memory
        self._at = 0.0
        self._lost = self._expected = 0.0
        self._seen = 0, 0  # expected, gaps

    def add(self, lost: float, expected: float, now: float) -> None:
        """So many more; ``lost`` may be negative when packets come late."""
        kept: float = 0.5 ** ((now - self._at) / self._halved_s)
        self._at = now
        if self._expected > CLEAN_PACKETS and self._lost < CLEAN * self._expected:
            self._lost *= CLEAN_PACKETS / self._expected
            self._expected = float(CLEAN_PACKETS)
        kept *= min(1.0, self._memory / max(1.0, self._expected))
        self._lost = kept * self._lost + lost
        self._expected = kept * self._expected + expected

    def share(self, now: float) -> float:
        kept: float = 0.5 ** ((now - self._at) / self._halved_s)
        return kept * max(0.0, self._lost) / (kept * self._expected + self._prior)

    def note(self, expected: int, gaps: int, now: float) -> float:
        """Takes totals in, which begin anew with another source; how often a packet, or some in a row, are lost.

        A burst of ten hits the same one or two pictures as a single one does.
        """
        new, opened = expected - self._seen[0], gaps - self._seen[1]
        self._seen = expected, gaps
        if new < 0 or opened < 0:
            new = opened = 0
        share = min(1.0, self._memory / max(1, new))  # an outage is one long gap, and no proof of what came before
        self.add(opened * share, new * share, now)
        return self.share(now)

    def forget(self) -> None:
        self._lost = self._expected = 0.0
