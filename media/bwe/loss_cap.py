"""The highest layer that a lossy path may have, whatever its rate. Pure, time comes in as an argument.

A large picture is many packets, and one lost packet holds all of it until a repair has come: at 10 % loss four out of
five pictures of 15 packets wait, and of those with one or two hardly any. So loss that lasts costs lines, not motion.
"""

from __future__ import annotations

NO_CAP = 99
LIMITS = ((0.075, 0), (0.035, 1))  # from this loss on, this layer at most
# On the way from a publisher it costs all who look at him: only where it is the only way to see him move.
UPLINK_LIMITS = ((0.085, 0),)
RELEASE = 0.6  # of a limit: below it the cap is lifted; what is known of a small picture's few packets varies
CALM_S = 10.0
LASTING_S = 2.0  # a few packets at the beginning, or one burst, are no reason


class LossCap:
    """``layer`` is an index, low to high."""

    __slots__ = ("_calm_since", "_limits", "_lossy_since", "layer")

    def __init__(self, limits: tuple[tuple[float, int], ...] = LIMITS) -> None:
        self._limits = limits
        self.layer = NO_CAP
        self._calm_since: float | None = None
        self._lossy_since: float | None = None

    def update(self, loss: float, now: float) -> int:
        """``loss``: smoothed over a second or two."""
        wanted = self._capped(loss, 1.0)
        if wanted >= self.layer:
            self._lossy_since = None
        elif self._lossy_since is None:
            self._lossy_since = now
        elif now - self._lossy_since >= LASTING_S:
            self.layer, self._lossy_since = wanted, None
        if self._capped(loss, RELEASE) <= self.layer:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= CALM_S:
            self.layer, self._calm_since = wanted, None
        return self.layer

    def _capped(self, loss: float, share: float) -> int:
        return next((layer for limit, layer in self._limits if loss > limit * share), NO_CAP)
