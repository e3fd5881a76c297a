"""Merges requests for a keyframe: at most one PLI per 500 ms and layer, none that a keyframe has answered."""

from __future__ import annotations

MIN_INTERVAL_S = 0.5


class KeyframeRequests:
    """``request`` and ``due`` say when to send a PLI; the caller sends it."""

    __slots__ = ("_asked_at", "_wanted")

    def __init__(self) -> None:
        self._asked_at = float("-inf")
        self._wanted = False

    def request(self, now: float) -> bool:
        """Somebody needs a keyframe. True when a PLI must go out now; otherwise ``due`` will tell."""
        self._wanted = True
        return self.due(now)

    def due(self, now: float) -> bool:
        if not self._wanted or now - self._asked_at < MIN_INTERVAL_S:
            return False
        self._wanted = False
        self._asked_at = now
        return True

    def arrived(self) -> None:
        """A keyframe came, whoever asked for it."""
        self._wanted = False
