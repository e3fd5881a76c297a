"""Half-open intervals [start, end) of integers, as sorted disjoint lists. Pure; knows no recordings and no people."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]


def merged(spans: Iterable[Span], bridge: int = 0) -> list[Span]:
    """The union. Spans that touch, or lie at most ``bridge`` apart, become one; empty ones vanish."""
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start <= result[-1][1] + bridge:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def subtracted(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """What of the union of ``spans`` lies in none of ``holes``."""
    result: list[Span] = []
    cuts = merged(holes)
    for start, end in merged(spans):
        at = start
        for cut_start, cut_end in cuts:
            if cut_end <= at or cut_start >= end:
                continue
            if at < cut_start:
                result.append((at, cut_start))
            at = max(at, cut_end)
        if at < end:
            result.append((at, end))
    return result


def clipped(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """What of the union lies within [start, end)."""
    return merged((max(a, start), min(b, end)) for a, b in spans)


def total(spans: Iterable[Span]) -> int:
    """Length of the union."""
    return sum(end - start for start, end in merged(spans))


def holes(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """What of [start, end) the union leaves out."""
    return subtracted([(start, end)], spans)


def first(spans: Iterable[Span], length: int) -> list[Span]:
    """The earliest ``length`` units of the union."""
    result: list[Span] = []
    for start, end in merged(spans):
        taken = min(end - start, length)
        if taken <= 0:
            break
        result.append((start, start + taken))
        length -= taken
    return result
