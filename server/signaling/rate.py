"""A token bucket. Pure; times are monotonic milliseconds."""

from __future__ import annotations

RATE_PER_S = 20
BURST = 60


class TokenBucket:
    """``burst`` at once, then ``rate_per_s``."""

    def __init__(self, now_ms: int, rate_per_s: int = RATE_PER_S, burst: int = BURST) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at_ms = now_ms

    def take(self, now_ms: int) -> bool:
        """False: one too many."""
        self._tokens = min(self._burst, self._tokens + (now_ms - self._at_ms) * self._rate_per_s / 1000)
        self._at_ms = now_ms
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
