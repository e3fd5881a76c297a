"""Budgets on a radio link: packets come in clumps and are lost in bursts, yet nothing is too narrow; until it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.netsim.profiles import CLEAR, PROFILES
from tests.netsim.shaper import Impairments, Shaper
from tests.unit.media.simulated_link import Link
from tests.unit.media.simulated_viewer import CAMERA, SimulatedViewer

SLOW_CAMERA = 16  # steps between frames: 12.5 a second, so that a layer has few packets


class RadioLink(Link):
    """One of the promised networks, as the browser tests have it."""

    def __init__(self, shape: Impairments, seed: int) -> None:
        super().__init__(1e9, delay_s=shape.delay_ms / 1000)
        self.shaper = Shaper(shape, str(seed))

    def send(self, size: int, now: float) -> float | None:
        self.sent += 1
        arrivals = self.shaper.offer(size, now)
        self.dropped += not arrivals
        return arrivals[0] if arrivals else None


def watch(link: RadioLink) -> SimulatedViewer:
    viewer = SimulatedViewer(link, (60_000, 300_000, 900_000))
    viewer.frame_steps = SLOW_CAMERA
    viewer.run(5)
    return viewer


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["4g", "busy-wifi", "bad"])
def test_clumps_and_bursts_never_take_the_picture_away(name: str, seed: int) -> None:
    viewer = watch(RadioLink(PROFILES[name].down, seed))
    for _ in range(200):
        viewer.run(0.25)
        assert viewer.chosen[0] is not None, f"nothing shown at {viewer.path.now - 100:.1f} s"
    assert viewer.budget.estimator.bps > 200_000


@pytest.mark.parametrize("seed", range(4))
def test_minutes_of_loss_do_not_wear_the_budget_down(seed: int) -> None:
    """The small picture is all that is sent, and losing some of it says little of what would pass."""
    viewer = SimulatedViewer(RadioLink(PROFILES["bad"].down, seed), CAMERA)
    viewer.run(20)
    for second in range(480):
        viewer.run(1)
        assert viewer.chosen[0] is not None, f"nothing shown after {second} s"
    assert viewer.budget.estimator.bps > 1.5 * CAMERA[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_path_that_becomes_longer_does_not_take_the_picture_away(seed: int) -> None:
    """From a good radio to a bad one: for a moment less arrives, but hardly anything was being sent."""
    link = RadioLink(PROFILES["busy-wifi"].down, seed)
    viewer = watch(link)
    viewer.run(20 + 0.83 * seed)
    link.shaper.impairments = PROFILES["bad"].down
    for _ in range(100):
        viewer.run(0.1)
        assert viewer.chosen[0] is not None, f"nothing shown at {viewer.path.now - 100:.1f} s"


@pytest.mark.parametrize(("seed", "least_bps"), [(0, 110_000), (14, 110_000), (0, 180_000), (1, 180_000), (2, 210_000)])
def test_nor_does_one_that_becomes_longer_and_stays_so(seed: int, least_bps: int) -> None:
    """What it took while it was short stands for an empty queue, so that a short queue seems to stand from then on.

    The smallest picture takes 110 kbit/s, and up to twice as much in a second with a keyframe.
    """
    link = RadioLink(PROFILES["good"].down, seed)
    viewer = SimulatedViewer(link, (least_bps, 400_000, 1_400_000))
    viewer.frame_steps = SLOW_CAMERA
    viewer.run(10 + 0.37 * seed)
    for name, seconds in (("bad", 40), ("clear", 2), ("busy-wifi", 20), ("clear", 4), ("bad", 20)):
        link.shaper.impairments = CLEAR.down if name == "clear" else PROFILES[name].down
        for step in range(seconds * 10):
            viewer.run(0.1)
            assert viewer.chosen[0] is not None, f"nothing shown after {step / 10} s of {name}"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("queue_s", [0.15, 0.25, 0.5])
def test_a_narrow_path_is_followed_however_short_its_queue(queue_s: float, seed: int) -> None:
    """Far less was sent than might be, since losses held the large picture back; a short queue tells little."""
    link = Link(5e6, queue_s=queue_s, seed=seed)
    viewer = SimulatedViewer(link, CAMERA)
    viewer.run(20)
    link.loss = 0.05
    viewer.run(20)
    assert viewer.chosen == [1]
    link.capacity_bps = 300_000
    viewer.run(2)
    assert viewer.chosen == [0]
    before = link.sent, link.dropped
    viewer.run(10)
    assert (link.dropped - before[1]) / (link.sent - before[0]) < 0.08, "hardly more than the radio loses"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("queue_s", [0.15, 0.25])
def test_of_several_small_pictures_those_that_do_not_fit_go(queue_s: float, seed: int) -> None:
    """Sound shares the queue with them; only the stage's is left to a viewer whose delay varies."""
    link = Link(200_000, queue_s=queue_s, seed=seed)
    viewer = SimulatedViewer(link, *[(60_000,)] * 4)
    viewer.run(20)
    before = link.sent, link.dropped
    viewer.run(30)
    assert viewer.chosen[0] == 0
    assert (link.dropped - before[1]) / (link.sent - before[0]) < 0.03


def test_a_mobile_network_keeps_the_top_layer() -> None:
    viewer = watch(RadioLink(PROFILES["4g"].down, 1))
    viewer.run(20)
    assert viewer.chosen == [2]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["4g", "busy-wifi"])
def test_a_radio_that_becomes_narrow_is_followed_within_five_seconds(name: str, seed: int) -> None:
    shape = PROFILES[name].down
    link = RadioLink(replace(shape, burst_loss=0.0, loss=0.0), seed)
    viewer = SimulatedViewer(link, CAMERA)
    viewer.run(20)
    assert viewer.chosen == [2]
    link.shaper.impairments = replace(link.shaper.impairments, rate_bps=300_000)
    viewer.run(5)
    assert viewer.chosen[0] in (0, None)
    viewer.run(10)
    assert viewer.chosen == [0]
