"""Merges requests for a keyframe: at most one PLI per 500 ms and layer, none that a keyframe has answered.

A PLI may be lost: one that is not answered is repeated. Who asked would only ask again when his picture had stood still
for three seconds (libwebrtc).
"""

from __future__ import annotations

MIN_INTERVAL_S = 0.5
ANSWERED_S, REPETITIONS = 1.0, 2


class KeyframeRequests:
    """``request`` and ``due`` say when to send a PLI; the caller sends it."""

    __slots__ = ("_asked_at", "_repetitions", "_wanted")

    def __init__(self) -> None:
        self._asked_at = float("-inf")
        self._repetitions = 0  # that may follow
        self._wanted = False

    def request(self, now: float) -> bool:
        """Somebody needs a keyframe. True when a PLI must go out now; otherwise ``due`` will tell."""
        self._wanted = True
        return self.due(now)

    def due(self, now: float) -> bool:
        passed_s = now - self._asked_at
        if self._wanted and passed_s >= MIN_INTERVAL_S:
            self._repetitions = REPETITIONS
        elif self._repetitions and passed_s >= ANSWERED_S:
            self._repetitions -= 1
        else:
            return False
        self._wanted = False
        self._asked_at = now
        return True

    def arrived(self) -> None:
        """A keyframe came, whoever asked for it."""
        self._wanted = False
        self._repetitions = 0
