"""What a path carried when it was last too much: near that the estimate grows with care. Pure."""

from __future__ import annotations

GAIN = 0.05
FIRST_SPREAD = 0.1
SPREADS, LEAST_SPREAD = 3, 0.05  # so far off it is another path than it was
NEAR_SPREAD = 0.02


class KnownCapacity:
    """The mean of several times and how far they were apart, in bits per second."""

    __slots__ = ("_bps", "_spread")

    def __init__(self) -> None:
        self._bps = self._spread = 0.0

    def learn(self, bps: float) -> None:
        """So much got through while a queue grew."""
        if not self._bps:
            self._bps, self._spread = bps, FIRST_SPREAD * bps
            return
        off = bps - self._bps
        self._bps += GAIN * off
        self._spread += GAIN * (abs(off) - self._spread)
        if abs(off) > SPREADS * max(self._spread, LEAST_SPREAD * self._bps):
            self._bps, self._spread = bps, FIRST_SPREAD * bps

    def is_near(self, bps: float) -> bool:
        spread = SPREADS * max(self._spread, NEAR_SPREAD * self._bps)
        return bool(self._bps) and abs(bps - self._bps) < spread
