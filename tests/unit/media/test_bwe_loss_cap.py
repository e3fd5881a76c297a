"""Loss that lasts costs lines: down when it has lasted, up again only after it was calm for a while."""

from __future__ import annotations

import pytest

from media.bwe.budget import FORGIVEN_LOSS
from media.bwe.loss_cap import CALM_S, LASTING_S, LIMITS, NO_CAP, LossCap


def lossy(loss: float) -> LossCap:
    """As of the time 0."""
    cap = LossCap()
    cap.update(loss, -LASTING_S)
    cap.update(loss, 0.0)
    return cap


@pytest.mark.parametrize(("loss", "layer"), [(0.01, NO_CAP), (0.05, 1), (0.1, 0)])
def test_the_more_is_lost_the_smaller_the_picture(loss: float, layer: int) -> None:
    assert lossy(loss).layer == layer


def test_a_moment_of_loss_costs_nothing() -> None:
    cap = LossCap()
    assert [cap.update(loss, now) for now, loss in enumerate((0.2, 0.2, 0.0, 0.2, 0.2))] == [NO_CAP] * 5


def test_it_comes_back_after_a_calm() -> None:
    cap = lossy(0.1)
    assert cap.update(0.065, 1.0) == 0, "a little less is no reason"
    assert cap.update(0.0, 2.0) == 0
    assert cap.update(0.0, 2.0 + CALM_S - 0.1) == 0
    assert cap.update(0.0, 2.0 + CALM_S) == NO_CAP


def test_a_relapse_begins_the_calm_anew() -> None:
    cap = lossy(0.1)
    cap.update(0.0, 1.0)
    assert cap.update(0.065, 9.0) == 0
    assert cap.update(0.0, 11.5) == 0
    assert cap.update(0.04, 12.0) == 0
    assert cap.update(0.04, 22.5) == 1, "from the lowest to the middle one"


def test_who_is_held_back_is_measured() -> None:
    """Else nobody would see that his network has become better."""
    assert all(FORGIVEN_LOSS < release < limit for limit, release, _ in LIMITS)
