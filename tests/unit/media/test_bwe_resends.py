"""Repairs are bounded by what the path carries."""

from __future__ import annotations

from media.bwe.resends import MAX_PER_S, MIN_BURST, Resends

NARROW_BPS, WIDE_BPS = 60_000.0, 3_000_000.0


def granted(limit_bps: float | None, *, is_video: bool = True, seconds: int = 20, per_ask: int = 10) -> int:
    resends = Resends(0.0)
    return sum(resends.take(per_ask, is_video, limit_bps, tick / 10) for tick in range(seconds * 10))


def test_a_narrow_path_repairs_with_a_share_of_what_it_carries() -> None:
    bps = granted(NARROW_BPS) * 1000 * 8 / 20
    assert 0.25 * NARROW_BPS < bps < 0.4 * NARROW_BPS


def test_a_wide_path_has_all_it_asks_for() -> None:
    assert granted(WIDE_BPS) >= 20 * 10 * 10 - (10 - MIN_BURST)


def test_one_burst_is_repaired_at_once_on_any_path() -> None:
    assert Resends(0.0).take(MIN_BURST, True, NARROW_BPS, 0.0) == MIN_BURST


def test_sound_and_paths_without_a_budget_are_bounded_in_all_only() -> None:
    assert granted(NARROW_BPS, is_video=False) == granted(None) == 20 * 10 * 10
    assert granted(None, seconds=1, per_ask=500) == MAX_PER_S
