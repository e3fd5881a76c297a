"""How much arrives: over half a second, anew after a pause."""

from __future__ import annotations

import pytest

from media.bwe.arrival_rate import GAP_US, LEAST_US, MAX_MESSAGES, ArrivalRate

STEP_US = 50_000


def fed(count: int, size: int = 6250, begin_us: int = 1_000_000) -> ArrivalRate:
    """So many messages, of a megabit per second by default."""
    rate = ArrivalRate()
    for index in range(count):
        rate.note(begin_us + index * STEP_US, size)
        rate.measure()
    return rate


def test_a_steady_stream_has_its_rate() -> None:
    assert fed(30).bps == pytest.approx(1e6)


def test_it_is_not_known_before_a_tenth_of_a_second() -> None:
    assert fed(LEAST_US // STEP_US).bps == 0.0
    assert fed(LEAST_US // STEP_US + 1).bps > 0


def test_it_follows_a_change_within_half_a_second() -> None:
    rate = fed(30)
    for index in range(12):
        rate.note(rate.newest_us + STEP_US, 12_500)
        rate.measure()
        assert rate.bps >= 1e6, index
    assert rate.bps == pytest.approx(2e6)


def test_what_came_before_a_pause_is_forgotten() -> None:
    rate = fed(30)
    rate.note(rate.newest_us + GAP_US + 1, 100)
    rate.measure()
    assert rate.bps == pytest.approx(1e6), "nothing new is known yet"
    for _ in range(4):
        rate.note(rate.newest_us + STEP_US, 625)
        rate.measure()
    assert rate.bps == pytest.approx(1e5)


def test_after_a_rest_it_is_unknown_while_the_clock_goes_on() -> None:
    rate = fed(30)
    newest_us = rate.newest_us
    rate.begin()
    assert (rate.bps, rate.newest_us) == (0.0, newest_us)


def test_times_that_stand_still_cost_no_memory() -> None:
    rate = ArrivalRate()
    for _ in range(10 * MAX_MESSAGES):
        rate.note(1_000_000, 1000)
        rate.measure()
    assert len(rate._messages) <= MAX_MESSAGES
    assert rate.bps == 0.0
