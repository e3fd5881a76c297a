"""The highest layer that a lossy path may have, whatever its rate. Pure, time comes in as an argument.

A large picture is many packets, and one lost packet holds all of it until a repair has come: at 10 % loss four out of
five pictures of 15 packets wait, and of those with one or two hardly any. So loss that lasts costs lines, not motion.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

NO_CAP = 99


class Limit(NamedTuple):
    """From ``loss`` on, until it is below ``release`` again, this layer at most."""

    loss: float
    release: float
    layer: int


LIMITS = (Limit(0.075, 0.045, 0), Limit(0.035, 0.028, 1))  # of a small picture's few packets less is known
# On the way from a publisher it costs all who look at him: only where it is the only way to see him move. Of gaps, not
# of packets (LastingLoss.note): a radio that loses 5 % in bursts of four has 1.25 % of them, a network that loses every
# tenth packet 9 %.
UPLINK_LIMITS = (Limit(0.065, 0.04, 0),)
CALM_S = 10.0
LASTING_S = 2.0  # a few packets at the beginning, or one burst, are no reason


class LossCap:
    """``layer`` is an index, low to high."""

    __slots__ = ("_calm_since", "_limits", "_lossy_since", "layer")

    def __init__(self, limits: tuple[Limit, ...] = LIMITS) -> None:
        self._limits = limits
        self.layer = NO_CAP
        self._calm_since: float | None = None
        self._lossy_since: float | None = None

    def update(self, loss: float, now: float) -> int:
        """``loss``: smoothed over a second or two."""
        wanted = _layer(limit for limit in self._limits if loss > limit.loss)
        if wanted >= self.layer:
            self._lossy_since = None
        elif self._lossy_since is None:
            self._lossy_since = now
        elif now - self._lossy_since >= LASTING_S:
            self.layer, self._lossy_since = wanted, None
        if _layer(limit for limit in self._limits if loss > limit.release) <= self.layer:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= CALM_S:
            self.layer, self._calm_since = wanted, None
        return self.layer


def _layer(passed: Iterable[Limit]) -> int:
    """That of the strictest."""
    return next((limit.layer for limit in passed), NO_CAP)
