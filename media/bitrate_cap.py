"""How much a publisher may send of one source. What is above it would cost every viewer. Pure: time comes in."""

from __future__ import annotations

from media.control import Source

LIMITS_BPS: dict[Source, int] = {
    "camera": 4_000_000,  # all layers together. Not said as b=AS: Chromium takes that as leave to send as much
    "screen": 6_000_000,
    "microphone": 160_000,
    "screen_audio": 160_000,
}
TOLERANCE = 1.5
BURST_S = 1.0  # a keyframe comes at once


class BitrateCap:
    """A bucket of octets that fills at one and a half times the limit."""

    __slots__ = ("_at", "_capacity", "_left", "_rate")

    def __init__(self, source: Source) -> None:
        self._rate = LIMITS_BPS[source] * TOLERANCE / 8
        self._capacity = self._left = self._rate * BURST_S
        self._at = float("-inf")

    def allows(self, octets: int, now: float) -> bool:
        self._left = min(self._capacity, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if octets > self._left:
            return False
        self._left -= octets
        return True
