"""The low-bandwidth ladder: what a viewer is sent, down at once and up with care, and the rung that this is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from media.bwe.allocation import Picture, allocate, total_bps
from media.control import QualityLevel

OVER, FAR_OVER = 1.1, 1.5  # of the budget: for a while, and at once
OVER_S = 0.7
SLACK = 1.15  # the stage goes out altogether only when its smallest layer takes that much of the budget
HEADROOM = 1.2
HOLD_S, FIRST_HOLD_S = 5.0, 0.2
REMEMBERED_S = 30.0  # so long after a step down every step up is held back
STILLS_BPS, STILLS_AGAIN_BPS = 50_000, 80_000  # beside the sound; below the first not even stills pass

RUNGS = tuple(QualityLevel)  # best first
_NO_VIDEO = (QualityLevel.STILLS, QualityLevel.AUDIO, QualityLevel.TEXT)


class Wish(NamedTuple):
    """A picture and what it is called, so that one is recognised in another order."""

    id: str
    picture: Picture


class Ladder:
    """One viewer's. ``update`` is called several times a second."""

    __slots__ = ("_better_since", "_chosen", "_has_stills", "_over_since", "_stepped_down_at", "_wanted", "cap")

    def __init__(self) -> None:
        self.cap: QualityLevel | None = None  # chosen by hand: no more than this
        self._chosen: dict[str, int | None] = {}
        self._wanted: list[tuple[str, int, int]] = []
        self._over_since: float | None = None
        self._better_since: float | None = None
        self._stepped_down_at = float("-inf")
        self._has_stills = True

    def update(
        self, wishes: Sequence[Wish], budget_bps: float | None, now: float, *, is_known: bool, is_strained: bool
    ) -> list[int | None]:
        """The layer for each wish, None to leave it out. ``budget_bps`` is for pictures alone; None: no limit.

        While it is not known the smallest layers go out whatever they take. Only a strained path takes anything away.
        """
        allowed = wishes[: self._allowed(len(wishes))]
        pictures = [wish.picture for wish in allowed]
        chosen = self._choose(allowed, pictures, budget_bps, now, is_known, is_strained)
        self._chosen = {wish.id: layer for wish, layer in zip(allowed, chosen, strict=True)}
        return [*chosen, *[None] * (len(wishes) - len(allowed))]

    def allowed(self, pictures: Sequence[Picture]) -> Sequence[Picture]:
        """Those that the rung that was chosen by hand leaves."""
        return pictures[: self._allowed(len(pictures))]

    @property
    def is_without_video(self) -> bool:
        return self.cap in _NO_VIDEO

    def level(self, budget_bps: float | None) -> QualityLevel:
        """The rung after the last ``update``."""
        found = self._automatic(budget_bps)
        return max(found, self.cap, key=RUNGS.index) if self.cap is not None else found

    # --- private

    def _allowed(self, count: int) -> int:
        if self.cap in _NO_VIDEO:
            return 0
        return min(count, 1) if self.cap is QualityLevel.STAGE else count

    def _choose(
        self,
        allowed: Sequence[Wish],
        pictures: list[Picture],
        budget_bps: float | None,
        now: float,
        is_known: bool,
        is_strained: bool,
    ) -> list[int | None]:
        wanted = [(wish.id, wish.picture.ideal, len(wish.picture.costs_bps)) for wish in allowed]
        is_other, self._wanted = wanted != self._wanted, wanted
        if budget_bps is None:
            return [picture.ideal for picture in pictures]
        if not is_known:
            return [layer or 0 for layer in allocate(pictures, budget_bps)]
        current = [self._chosen.get(wish.id) for wish in allowed]
        if is_other:
            return self._begin(pictures, current, budget_bps, now, is_strained)
        if is_strained and self._is_over(total_bps(pictures, current), budget_bps, now):
            return self._step_down(pictures, current, budget_bps, now)
        return self._step_up(pictures, current, budget_bps, now)

    def _begin(
        self, pictures: list[Picture], current: list[int | None], budget_bps: float, now: float, is_strained: bool
    ) -> list[int | None]:
        """Other pictures are wanted. What is sent already has proven that it gets through, on a path without strain."""
        self._over_since = self._better_since = None
        if is_strained:
            return allocate(pictures, budget_bps, SLACK)
        kept = [
            None if layer is None else min(layer, item.ideal) for item, layer in zip(pictures, current, strict=True)
        ]
        fitting = allocate(pictures, max(budget_bps, total_bps(pictures, kept)), SLACK)
        if now - self._stepped_down_at < REMEMBERED_S:
            return fitting
        return [layer or 0 for layer in fitting]  # the smallest are tried: nothing has ever been too much

    def _is_over(self, cost_bps: int, budget_bps: float, now: float) -> bool:
        if cost_bps <= OVER * budget_bps:
            self._over_since = None
            return False
        if self._over_since is None:
            self._over_since = now
        return cost_bps > FAR_OVER * budget_bps or now - self._over_since >= OVER_S

    def _step_down(
        self, pictures: list[Picture], current: list[int | None], budget_bps: float, now: float
    ) -> list[int | None]:
        self._better_since = None
        fitting = allocate(pictures, budget_bps, SLACK)
        if fitting != current:
            self._stepped_down_at = now
            self._over_since = None
        return fitting

    def _step_up(
        self, pictures: list[Picture], current: list[int | None], budget_bps: float, now: float
    ) -> list[int | None]:
        better = allocate(pictures, budget_bps / HEADROOM)
        if _rank(better) <= _rank(current):
            self._better_since = None
            return current
        if self._better_since is None:
            self._better_since = now
        hold = HOLD_S if now - self._stepped_down_at < REMEMBERED_S else FIRST_HOLD_S
        if now - self._better_since < hold:
            return current
        self._better_since = None
        return better

    def _automatic(self, budget_bps: float | None) -> QualityLevel:
        chosen = list(self._chosen.values())
        if budget_bps is None or not chosen or all(layer is not None for layer in chosen):
            return QualityLevel.FULL
        if chosen[0] is not None:
            return QualityLevel.STAGE if all(layer is None for layer in chosen[1:]) else QualityLevel.FULL
        if any(layer is not None for layer in chosen):
            return QualityLevel.FULL
        self._has_stills = budget_bps >= (STILLS_BPS if self._has_stills else STILLS_AGAIN_BPS)
        return QualityLevel.STILLS if self._has_stills else QualityLevel.AUDIO


def _rank(chosen: Sequence[int | None]) -> tuple[int, ...]:
    """Compares by the most important picture in which two choices differ."""
    return tuple(-1 if layer is None else layer for layer in chosen)
