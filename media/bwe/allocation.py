"""Which layer of each picture fits into a viewer's budget. Pure.

The order is the viewer's: the first picture is the stage and gets the best that fits; then every other picture gets
its smallest layer, as many as fit, most important first; what is left improves them in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

NOMINAL_BPS = ((90, 80_000), (180, 150_000), (270, 300_000), (360, 500_000), (540, 1_000_000), (720, 1_700_000))
NOMINAL_TOP_BPS = 3_000_000


class Picture(NamedTuple):
    """One that a viewer wants, with what its layers take, low to high; none is needed above ``ideal``."""

    costs_bps: tuple[int, ...]
    ideal: int

    def cost(self, layer: int | None) -> int:
        return self.costs_bps[min(layer, len(self.costs_bps) - 1)] if layer is not None else 0


def allocate(pictures: Sequence[Picture], budget_bps: float, slack: float = 1.0) -> list[int | None]:
    """The layer of each picture, None for those that are left out.

    ``slack`` stretches the budget for the stage's smallest layer: it takes more to lose every picture than to see less.
    """
    chosen: list[int | None] = [None] * len(pictures)
    left = budget_bps
    for index, picture in enumerate(pictures):
        if index == 0:
            layer = _best(picture, left)
            if layer is None and picture.costs_bps[0] <= slack * budget_bps:
                layer = 0
        else:
            layer = 0 if picture.costs_bps[0] <= left else None
        chosen[index] = layer
        left -= picture.cost(layer)
    _improve(pictures, chosen, left)
    return chosen


def total_bps(pictures: Sequence[Picture], chosen: Sequence[int | None]) -> int:
    return sum(picture.cost(layer) for picture, layer in zip(pictures, chosen, strict=True))


def nominal_bps(height: int) -> int:
    """What a layer will take of which nothing has come yet, as browsers send it (web/src/rtc/encodings.ts)."""
    return next((bps for limit, bps in NOMINAL_BPS if height <= limit), NOMINAL_TOP_BPS)


def _best(picture: Picture, left: float) -> int | None:
    fitting = [layer for layer in range(picture.ideal + 1) if picture.cost(layer) <= left]
    return max(fitting, default=None)


def _improve(pictures: Sequence[Picture], chosen: list[int | None], left: float) -> None:
    """One step for each picture in turn, as long as one fits."""
    is_moving = True
    while is_moving:
        is_moving = False
        for index, picture in enumerate(pictures):
            layer = chosen[index]
            if layer is None or layer >= picture.ideal:
                continue
            more = picture.cost(layer + 1) - picture.cost(layer)
            if more <= left:
                chosen[index] = layer + 1
                left -= more
                is_moving = True
