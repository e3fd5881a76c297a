"""Loss that sending less does not cure is the path's own; one that it cures was a queue's."""

from __future__ import annotations

import pytest

from media.bwe.loss_trial import HIGH_LOSS, TRIAL, LossTrial


def lossy(loss: float, times: int = 20) -> LossTrial:
    trial = LossTrial()
    for _ in range(times):
        trial.note(loss)
    return trial


@pytest.mark.parametrize(("loss", "is_complaint"), [(0.05, False), (HIGH_LOSS, False), (0.15, True)])
def test_much_loss_that_lasts_is_a_complaint(loss: float, is_complaint: bool) -> None:
    assert lossy(loss).is_complaint(loss) is is_complaint


def test_one_bad_moment_is_none() -> None:
    assert not lossy(0.2, times=1).is_complaint(0.2)


def test_what_is_not_sure_is_none() -> None:
    assert not lossy(0.15).is_complaint(0.05)


def test_loss_that_stays_with_a_third_less_is_the_paths_own() -> None:
    trial = lossy(0.15)
    assert not trial.is_in_vain(1e6), "it begins here"
    assert not trial.is_in_vain(0.8e6), "not enough was taken off"
    assert trial.is_in_vain(TRIAL * 1e6)
    assert trial.accept() == 1e6
    assert trial.inherent == pytest.approx(0.15, abs=0.01)
    assert not trial.is_complaint(0.2), "only what is lost beyond that"
    assert trial.is_complaint(0.31)


def test_loss_that_is_cured_was_a_queue() -> None:
    trial = lossy(0.2)
    assert not trial.is_in_vain(1e6)
    for _ in range(3):
        trial.note(0.08)
    assert not trial.is_in_vain(0.5e6)


def test_a_calm_ends_the_trial() -> None:
    trial = lossy(0.15)
    assert not trial.is_in_vain(1e6)
    for _ in range(20):
        trial.note(0.0)
    for _ in range(20):
        trial.note(0.15)
    assert not trial.is_in_vain(0.5e6), "it begins anew, from what is sent now"


def test_so_much_loss_proves_nothing() -> None:
    trial = lossy(0.5)
    assert not any(trial.is_in_vain(bps) for bps in (1e6, 0.6e6, 0.3e6))


def test_another_reason_for_sending_less_ends_the_trial() -> None:
    trial = lossy(0.15)
    assert not trial.is_in_vain(1e6)
    trial.end()
    assert not trial.is_in_vain(0.5e6)


def test_what_is_the_paths_own_is_forgotten_while_less_is_lost() -> None:
    trial = lossy(0.15)
    trial.is_in_vain(1e6)
    trial.accept()
    for _ in range(100):
        trial.note(0.0)
    assert trial.inherent < 0.01
