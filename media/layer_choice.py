"""Which layer fills a picture on a viewer's screen. Pure."""

from __future__ import annotations

from collections.abc import Sequence

ASSUMED_TOP = 720
SLACK = 8  # a picture may be enlarged by an eighth: nobody sees it, and it saves three quarters of the bytes


def heights_of(known: Sequence[int]) -> list[int]:
    """Heights of all layers, low to high: as their keyframes say, else each twice that of the one below it."""
    last = len(known) - 1
    top = max((height << (last - index) for index, height in enumerate(known)), default=0) or ASSUMED_TOP
    return [height or top >> (last - index) for index, height in enumerate(known)]


def choose(known: Sequence[int], wanted_px: int) -> int:
    """Index of the smallest layer that fills the height, else of the largest. 0: as large as it comes."""
    heights = heights_of(known)
    if wanted_px:
        for index, height in enumerate(heights):
            if height + height // SLACK >= wanted_px:
                return index
    return len(heights) - 1
