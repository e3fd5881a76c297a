"""The highest layer that a lossy path may have, whatever its rate. Pure, time comes in as an argument.

A large picture is many packets, and one lost packet holds all of it until a repair has come: at 10 % loss four out of
five pictures of 15 packets wait, and of those with one or two hardly any. So loss that lasts costs lines, not motion.
"""

from __future__ import annotations

NO_CAP = 99
# From this loss on, until it is below that again, this layer at most. Of a small picture's few packets less is known.
LIMITS = ((0.075, 0.045, 0), (0.035, 0.028, 1))
# On the way from a publisher it costs all who look at him: only where it is the only way to see him move.
UPLINK_LIMITS = ((0.085, 0.05, 0),)
CALM_S = 10.0
LASTING_S = 2.0  # a few packets at the beginning, or one burst, are no reason


class LossCap:
    """``layer`` is an index, low to high."""

    __slots__ = ("_calm_since", "_limits", "_lossy_since", "layer")

    def __init__(self, limits: tuple[tuple[float, float, int], ...] = LIMITS) -> None:
        self._limits = limits
        self.layer = NO_CAP
        self._calm_since: float | None = None
        self._lossy_since: float | None = None

    def update(self, loss: float, now: float) -> int:
        """``loss``: smoothed over a second or two."""
        wanted = next((layer for limit, _, layer in self._limits if loss > limit), NO_CAP)
        if wanted >= self.layer:
            self._lossy_since = None
        elif self._lossy_since is None:
            self._lossy_since = now
        elif now - self._lossy_since >= LASTING_S:
            self.layer, self._lossy_since = wanted, None
        if next((layer for _, release, layer in self._limits if loss > release), NO_CAP) <= self.layer:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= CALM_S:
            self.layer, self._calm_since = wanted, None
        return self.layer
