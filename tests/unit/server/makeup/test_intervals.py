"""Interval arithmetic against sets of single units."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from server.makeup.intervals import Span, clipped, first, holes, merged, subtracted, total

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def units(found: list[Span]) -> set[int]:
    return {unit for start, end in found for unit in range(start, end)}


def is_normal(found: list[Span]) -> bool:
    """Sorted, disjoint, not touching, none empty."""
    return all(start < end for start, end in found) and all(a[1] < b[0] for a, b in itertools.pairwise(found))


@given(spans)
def test_merged_is_the_union(a: list[Span]) -> None:
    assert units(merged(a)) == units(a)
    assert is_normal(merged(a))


@given(spans, spans)
def test_subtracted_is_the_difference(a: list[Span], b: list[Span]) -> None:
    assert units(subtracted(a, b)) == units(a) - units(b)
    assert is_normal(subtracted(a, b))


@given(spans, st.integers(0, 40), st.integers(0, 40))
def test_clipped_and_holes_part_the_window(a: list[Span], start: int, end: int) -> None:
    window = set(range(start, end))
    assert units(clipped(a, start, end)) == units(a) & window
    assert units(holes(a, start, end)) == window - units(a)


@given(spans, st.integers(0, 60))
def test_first_takes_the_earliest_units(a: list[Span], length: int) -> None:
    assert units(first(a, length)) == set(sorted(units(a))[:length])
    assert total(first(a, length)) == min(length, total(a))


@given(spans, st.integers(0, 10))
def test_bridging_fills_exactly_the_short_holes(a: list[Span], bridge: int) -> None:
    plain = merged(a)
    short = [(p[1], q[0]) for p, q in itertools.pairwise(plain) if q[0] - p[1] <= bridge]
    assert units(merged(a, bridge)) == units(plain) | units(short)
