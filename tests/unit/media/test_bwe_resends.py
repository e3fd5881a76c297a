"""Repairs are bounded by what the path carries."""

from __future__ import annotations

from media.bwe.resends import CLEARED_S, MAX_KNOWN, MAX_PER_S, MIN_BURST, Resends

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


def copies(rtt_s: float, seconds: float, every_s: float = 0.02) -> int:
    """Of one packet, for a browser that asks for it every 20 ms."""
    resends, sent = Resends(0.0), 0
    for step in range(round(seconds / every_s)):
        due = resends.due(7, [1], step * every_s, rtt_s)
        resends.note(7, due, step * every_s)
        sent += len(due)
    return sent


def test_no_second_copy_leaves_while_the_first_is_under_way() -> None:
    assert copies(0.4, seconds=0.3) == 1
    assert copies(0.4, seconds=1.1) == 4


def test_an_impatient_browser_on_a_path_that_became_long_gets_few_copies() -> None:
    """It asks ten times; the round trip is not known to be long yet."""
    assert copies(0.001, seconds=0.2) == 4


def test_each_packet_of_each_line_is_for_itself() -> None:
    resends = Resends(0.0)
    resends.note(7, [1, 2], 0.0)
    assert resends.due(7, [1, 2, 3, 3], 0.01, 0.4) == [3], "and once, however often it is asked for in one go"
    assert resends.due(8, [1, 2], 0.01, 0.4) == [1, 2]


def test_what_is_long_past_is_forgotten() -> None:
    resends = Resends(0.0)
    for sequence in range(10 * MAX_KNOWN):
        resends.note(7, [sequence], sequence / 10)
    assert len(resends._copies) <= MAX_KNOWN + 10 * CLEARED_S


def test_a_number_that_comes_again_stands_for_another_packet() -> None:
    resends = Resends(0.0)
    for _ in range(10):
        resends.note(7, [1], 0.0)
    resends.note(7, resends.due(7, [1], 130.0, 0.01), 130.0)
    assert resends.due(7, [1], 130.03, 0.01) == [1]
