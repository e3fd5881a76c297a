"""A whole viewer behind a simulated link: which layers it gets, how soon, and when it is measured at all."""

from __future__ import annotations

import pytest

from media.bwe.budget import BLIND_S, FORGIVEN_LOSS, SILENT_S, Budget
from media.bwe.estimator import MIN_BPS
from media.bwe.feedback import Feedback
from media.bwe.send_history import SendHistory
from media.control import QualityLevel
from tests.unit.media.simulated_link import Link
from tests.unit.media.simulated_viewer import CAMERA, SimulatedViewer

NOW = SILENT_S + 1


def test_a_good_path_has_its_top_layer_within_four_seconds() -> None:
    viewer = SimulatedViewer(Link(20_000_000), CAMERA)
    viewer.run(0.2)
    assert viewer.chosen == [0], "the beginning is careful"
    viewer.run(3.8)
    assert viewer.chosen == [2]


def test_a_good_path_is_measured_at_the_beginning_and_one_second_in_twenty() -> None:
    viewer = SimulatedViewer(Link(20_000_000), CAMERA)
    viewer.run(6)
    padding = viewer.padding_bytes
    measured = 0
    for _ in range(800):
        viewer.run(0.1)
        measured += viewer.is_measured
    assert 35 <= measured <= 60
    assert viewer.padding_bytes == padding, "there is nothing left to look for"


def test_those_who_come_together_are_not_measured_together() -> None:
    budgets = [Budget(NOW, phase=number / 20) for number in range(20)]
    for budget in budgets:
        budget.feed(Feedback(1, 0, [], []), SendHistory(), NOW)
        budget.estimator.found(10e6)
    at_once = [sum(budget.tick(1e5, 1e5, NOW + tenth / 10) for budget in budgets) for tenth in range(800)]
    assert at_once[0] == 20, "the beginning is everybody's"
    assert max(at_once[100:]) <= 3
    assert 0.5 * 700 <= sum(at_once[100:]) <= 1.5 * 700, "one second in twenty of each"


@pytest.mark.parametrize("queue_s", [0.1, 0.4])
def test_edge_steps_down_and_comes_back(queue_s: float) -> None:
    viewer = SimulatedViewer(Link(20_000_000, delay_s=0.3, queue_s=queue_s), CAMERA)
    viewer.run(10)
    assert viewer.chosen == [2]
    viewer.link.capacity_bps = 150_000
    viewer.run(5)
    assert viewer.needed_bps <= 120_000, "within five seconds"
    viewer.run(10)
    viewer.link.longest_wait_s = 0
    viewer.run(10)
    assert viewer.link.longest_wait_s < 0.35, "probing fills no queue"
    viewer.link.capacity_bps = 20_000_000
    viewer.run(15)
    assert viewer.chosen == [2], "within fifteen seconds"


def test_a_standing_queue_is_drained() -> None:
    viewer = SimulatedViewer(Link(20_000_000, queue_s=2.0), CAMERA)
    viewer.run(10)
    viewer.link.capacity_bps = 150_000
    viewer.run(12)
    viewer.link.longest_wait_s = 0
    viewer.run(10)
    assert viewer.link.longest_wait_s < 0.4


def test_the_middle_layer_where_the_top_does_not_fit() -> None:
    viewer = SimulatedViewer(Link(1_000_000), CAMERA)
    viewer.run(5)
    for _ in range(20):
        viewer.run(1)
        assert viewer.chosen == [1]
    assert viewer.level is QualityLevel.FULL


def test_a_gallery_is_thinned_out_before_the_stage_goes() -> None:
    viewer = SimulatedViewer(Link(700_000), CAMERA, *[(120_000,)] * 8)
    viewer.run(20)
    assert viewer.chosen[0] is not None
    assert None in viewer.chosen
    assert viewer.needed_bps <= 680_000


def test_a_single_layer_that_fits_is_never_taken_away() -> None:
    viewer = SimulatedViewer(Link(3_000_000), (1_500_000,))
    for _ in range(40):
        viewer.run(0.5)
        assert viewer.chosen == [0]


def test_a_single_layer_that_does_not_fit_leaves_the_line_to_the_sound() -> None:
    viewer = SimulatedViewer(Link(400_000), (1_500_000,))
    viewer.run(6)
    assert viewer.chosen == [None]
    assert viewer.level is QualityLevel.STILLS
    viewer.run(15)
    assert viewer.chosen == [None], "probes do not pretend"


@pytest.mark.parametrize("seed", range(3))
def test_jitter_and_loss_leave_a_picture(seed: int) -> None:
    viewer = SimulatedViewer(Link(5_000_000, delay_s=0.06, jitter_s=0.03, loss=0.05, seed=seed), CAMERA)
    viewer.run(8)
    shown = 0
    for _ in range(20):
        viewer.run(1)
        shown += viewer.chosen[0] is not None and viewer.chosen[0] >= 1
    assert shown >= 13, "a false alarm costs six seconds"


@pytest.mark.parametrize("loss", [0.1, 0.2])
@pytest.mark.parametrize("frame_steps", [13, 20])
def test_a_loss_that_passes_is_forgotten(loss: float, frame_steps: int) -> None:
    """The smallest layer is ten or fifteen packets a second: too few in one second of ten to judge by."""
    viewer = SimulatedViewer(Link(20_000_000), (80_000, 200_000, 400_000))
    viewer.frame_steps, viewer.pacing = frame_steps, 100
    viewer.run(10)
    viewer.link.loss = loss
    viewer.run(15)
    assert viewer.chosen[0] in (None, 0)
    viewer.link.loss = 0
    viewer.run(45)
    assert viewer.chosen == [2]
    assert viewer.budget.lasting_loss(viewer.path.now) < FORGIVEN_LOSS


def test_the_losses_of_a_path_that_was_left_are_forgotten() -> None:
    viewer = SimulatedViewer(Link(20_000_000, loss=0.1), CAMERA)
    viewer.run(10)
    assert viewer.budget.lasting_loss(viewer.path.now) > FORGIVEN_LOSS
    viewer.budget.handle_moved(viewer.path.now)
    assert viewer.budget.lasting_loss(viewer.path.now) == 0


def test_another_path_is_measured_at_once_and_its_length_is_no_queue() -> None:
    viewer = SimulatedViewer(Link(20_000_000), CAMERA)
    viewer.run(8)
    was_measured = viewer.is_measured
    viewer.link.delay_s = 0.6
    viewer.budget.handle_moved(viewer.path.now)
    viewer.run(0.2)
    assert (was_measured, viewer.is_measured) == (False, True)
    for _ in range(10):
        viewer.run(1)
        assert viewer.chosen == [2]


# --- without feedback


def silent_budget() -> Budget:
    """Of a client that has been sent numbers for a while and has said nothing."""
    budget = Budget(0.0)
    for tenth in range(int(SILENT_S * 10) + 3):
        budget.tick(1e6, 2e6, tenth / 10)
    return budget


def test_without_feedback_there_is_no_limit_and_seldom_a_number() -> None:
    budget = silent_budget()
    assert budget.limit_bps is None
    assert sum(budget.tick(1e6, 2e6, NOW + tenth / 10) for tenth in range(300)) < 50
    assert budget.begin_probe(1e6, 2e6, NOW + 30) is None


def test_who_was_sent_nothing_yet_is_not_silent() -> None:
    budget = Budget(0.0)
    for second in range(60):
        budget.tick(0, 0, second, is_sending=False)
    assert not budget.is_silent
    assert budget.limit_bps is not None


def test_without_feedback_lasting_loss_lowers_and_calm_raises() -> None:
    budget = silent_budget()
    for second in range(int(BLIND_S)):
        budget.report(0.2, None, 1e6, NOW + second)
        assert budget.limit_bps is None
    now = NOW + BLIND_S
    budget.report(0.2, None, 1e6, now)
    assert budget.limit_bps == 800_000
    assert budget.is_known(now)
    budget.report(None, None, 1e6, now + 0.5)
    assert budget.limit_bps == 800_000, "a report that says nothing of the path is not a good one"
    budget.report(0.0, None, 1e6, now + 1)
    assert budget.limit_bps == pytest.approx(840_000)


def test_who_rests_now_and_then_is_judged_by_the_reports_between() -> None:
    budget = silent_budget()
    for second in range(int(BLIND_S) + 1):
        budget.report(0.2, None, 1e6, NOW + second)
        budget.report(None, 0.1, 1e6, NOW + second + 0.5)
    assert budget.limit_bps == 800_000


def test_a_short_loss_without_feedback_is_nothing() -> None:
    budget = silent_budget()
    for second, loss in enumerate([0.5, 0.5, 0.0, 0.5, 0.5, 0.0]):
        budget.report(loss, None, 1e6, NOW + second)
    assert budget.limit_bps is None


@pytest.mark.parametrize(("bps", "least_bps"), [(0, MIN_BPS), (120_000, 180_000), (2_000_000, 250_000)])
def test_what_is_left_whatever_the_delay_does_is_a_small_camera(bps: int, least_bps: float) -> None:
    """A screen in one layer of 2 Mbit/s must give way like everything else."""
    budget = Budget(0.0)
    budget.protect(bps)
    assert budget.estimator.least_bps == least_bps
