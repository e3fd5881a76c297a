"""How often something may happen: token buckets, and one for each source address. Time comes in as an argument."""

from __future__ import annotations

MAX_SOURCES = 4096


class Allowance:
    """``burst`` at once, ``per_s`` in the long run."""

    __slots__ = ("_at", "_burst", "_left", "_per_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = self._left = burst
        self._at = float("-inf")

    def take(self, now: float) -> bool:
        """Whether it may happen once more."""
        if not self.has(now):
            return False
        self._left -= 1
        return True

    def has(self, now: float) -> bool:
        """Whether ``take`` would be granted."""
        if now > self._at:
            self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
            self._at = now
        return self._left >= 1


class SourceAllowances:
    """An allowance for each address; those that are not heard of for long are forgotten first."""

    __slots__ = ("_burst", "_by_source", "_per_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._by_source: dict[str, Allowance] = {}

    def take(self, source: str, now: float) -> bool:
        found = self._by_source.pop(source, None)
        if found is None:
            found = Allowance(self._per_s, self._burst)
            if len(self._by_source) >= MAX_SOURCES:
                del self._by_source[next(iter(self._by_source))]
        self._by_source[source] = found  # newest last
        return found.take(now)

    def has(self, source: str, now: float) -> bool:
        found = self._by_source.get(source)
        return found is None or found.has(now)
