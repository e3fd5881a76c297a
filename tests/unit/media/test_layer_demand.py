"""When a publisher is told to send other layers."""

from __future__ import annotations

import pytest

from media.bitrate_cap import BitrateCap
from media.layer_demand import AGAIN_S, OFF_AFTER_S, LayerDemand

ALL = ("q", "h", "f")


@pytest.fixture
def demand() -> LayerDemand:
    made = LayerDemand()
    made.begin(ALL, 0.0)
    return made


def test_what_nobody_looks_at_is_given_up_after_a_while(demand: LayerDemand) -> None:
    told = [(now, rids) for now in range(10) if (rids := demand.ask(now, {"q"}, {"q"} if now > 3 else set(ALL)))]
    assert told == [(OFF_AFTER_S, ("q",))]


def test_what_is_needed_is_asked_for_at_once(demand: LayerDemand) -> None:
    demand.ask(4, set(), set(ALL))
    assert demand.is_resting
    assert demand.ask(4.05, {"f", "q"}, set()) == ("q", "f"), "in the order of the offer"
    assert demand.awake_since == 4.05
    assert not demand.is_resting


def test_a_glance_elsewhere_turns_nothing_off(demand: LayerDemand) -> None:
    for now in range(0, 40, 2):
        assert demand.ask(now, set(ALL) if now % 4 == 0 else {"q"}, set(ALL)) is None


def test_while_what_comes_differs_it_is_said_again(demand: LayerDemand) -> None:
    told = [now for now in range(20) if demand.ask(now, {"q"}, set(ALL))]
    assert told == [OFF_AFTER_S, OFF_AFTER_S + AGAIN_S, OFF_AFTER_S + 2 * AGAIN_S, OFF_AFTER_S + 3 * AGAIN_S]
    assert demand.ask(21, {"q"}, {"q"}) is None


def test_a_new_connection_begins_with_everything(demand: LayerDemand) -> None:
    demand.ask(4, set(), set(ALL))
    demand.begin(("",), 5.0)
    assert demand.is_complete
    assert demand.ask(6, set(), {""}) is None
    assert demand.ask(9, set(), {""}) == ()


def test_a_cap_lets_bursts_through_and_holds_the_mean() -> None:
    cap = BitrateCap("microphone")
    assert all(cap.allows(1000, 0.0) for _ in range(30)), "240 kbit/s for a second"
    assert not cap.allows(1000, 0.0)
    passed = sum(cap.allows(100, 1 + index / 1000) for index in range(10_000))
    assert 3000 + 290 <= passed <= 3000 + 310
    assert not cap.allows(1000, 5.0), "a clock that goes back gives nothing"
