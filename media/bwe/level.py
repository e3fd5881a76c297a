"""Whether packets wait longer than is usual on this path: what tells a queue from jitter. Pure, time is given.

A radio holds packets back and lets them go in clumps: the trend of the delay rises and falls by a tenth of a second,
whatever is sent. But between the clumps some packets pass as fast as ever. So the least delay of a quarter of a second
is held against what is usual here, with more patience where delays vary more.
"""

from __future__ import annotations

BUCKET_S = 0.15  # two of them are looked at: the one that is being filled, and the one before it
LEARNING = 0.05  # per bucket: three seconds
MIN_RISE_S, NOISES = 0.01, 3.5  # above the usual, in the mean variation between groups of packets


class DelayLevel:
    """Fed with the least delay of each feedback message."""

    __slots__ = ("_before_s", "_bucket_s", "_since", "usual_s")

    def __init__(self) -> None:
        self._since: float | None = None
        self._bucket_s = self._before_s = 0.0
        self.usual_s = 0.0

    def is_raised(self, noise_s: float) -> bool:
        """Nothing has come as fast as usual for a while."""
        if self._since is None:
            return False
        return self.least_s - self.usual_s > max(MIN_RISE_S, NOISES * noise_s)

    @property
    def least_s(self) -> float:
        """Of the last quarter of a second."""
        return min(self._bucket_s, self._before_s)

    def add(self, delay_s: float, now: float) -> None:
        if self._since is None:
            self._since = now
            self._bucket_s = self._before_s = self.usual_s = delay_s
        elif now - self._since < BUCKET_S:
            self._bucket_s = min(self._bucket_s, delay_s)
        else:
            self._learn()
            self._since = now
            self._before_s, self._bucket_s = self._bucket_s, delay_s

    def _learn(self) -> None:
        self.usual_s += LEARNING * (self.least_s - self.usual_s)
