"""Where very much is lost on the way from a publisher, his viewers get the small picture."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from media.allocator import Allocator
from media.bwe.budget import Budget
from media.bwe.lasting_loss import LastingLoss
from media.bwe.loss_cap import NO_CAP, UPLINK_LIMITS, LossCap
from tests.netsim.profiles import PROFILES
from tests.netsim.shaper import Shaper
from tests.unit.media.conftest import rtp
from tests.unit.media.stage import Stage
from tests.unit.media.test_layers import attach, camera
from tests.unit.media.test_uplink import Scene

PER_S = 50


def send(scene: Scene, sequence: int, seconds: int, loss: float) -> int:
    """A camera with so much lost; returns the next sequence number."""
    chance = random.Random(sequence)
    ssrc = scene.media[1].ssrcs[0]
    for _ in range(seconds):
        for _ in range(PER_S):
            sequence += 1
            if chance.random() >= loss:
                scene.receive(rtp(sequence, sequence * 1800, ssrc, payload_type=108), sequence / PER_S)
        scene.uplink.send_reports(sequence / PER_S)
    return sequence


def test_a_cap_comes_with_lasting_loss_and_goes_with_calm() -> None:
    scene = Scene()
    at = send(scene, 0, 20, 0.02)
    assert scene.publications["camera"].highest == NO_CAP
    at = send(scene, at, 30, 0.14)
    assert scene.publications["camera"].highest == 0
    send(scene, at, 40, 0.0)
    assert scene.publications["camera"].highest == NO_CAP


def test_viewers_go_to_the_small_layer(stage: Stage) -> None:
    sender, viewer = camera(stage), stage.viewer()
    slot = attach(stage, sender.publication, viewer.slot(), 0)
    budget = Budget(stage.clock.now)
    for step in range(50):
        budget.tick(0, 0, stage.clock.now + step / 10)  # a viewer who sends no feedback, so without a limit of his own
    allocator = Allocator([slot], budget)
    for highest, rid in ((NO_CAP, "f"), (0, "q"), (NO_CAP, "f")):
        sender.publication.highest = highest
        for _ in range(20):
            allocator.allocate(stage.clock.now)
            sender.picture()
        assert slot.layer is not None
        assert slot.layer.rid == rid


@pytest.mark.parametrize(("name", "share"), [("4g", 0.01), ("busy-wifi", 0.05), ("bad", 0.10)])
def test_the_loss_of_a_network_is_what_it_is_said_to_be(name: str, share: float) -> None:
    shaper, loss, received = Shaper(PROFILES[name].up, "1"), LastingLoss(), 0
    found = []
    for expected in range(1, 120 * PER_S):
        received += bool(shaper.offer(1000, expected / PER_S))
        if expected % PER_S == 0:
            found.append(loss.note(expected, received, expected / PER_S))
    late = found[20:]
    assert abs(sum(late) / len(late) - share) < 0.4 * share


def capped_s(name: str, seed: int, per_s: int = 130) -> int | None:
    """How many seconds after a clean minute a network makes the picture small; None: not within three minutes."""
    shaper, loss, cap = Shaper(PROFILES[name].up, str(seed)), LastingLoss(), LossCap(UPLINK_LIMITS)
    expected = received = 0
    for second in range(240):
        is_clean = second < 60
        for index in range(per_s):
            expected += 1
            received += is_clean or bool(shaper.offer(1000, second + index / per_s))
        if cap.update(loss.note(expected, received, float(second)), float(second)) == 0:
            return second - 59
    return None


@pytest.mark.parametrize("seed", range(5))
def test_a_clean_minute_does_not_hide_what_a_network_has_become(seed: int) -> None:
    bad_s = capped_s("bad", seed)
    assert bad_s is not None
    assert bad_s <= 15
    assert capped_s("busy-wifi", seed) is None, "bursts are no reason"


def test_another_source_begins_anew() -> None:
    loss = LastingLoss()
    assert loss.note(1000, 900, 1.0) > 0.08
    assert loss.note(10, 10, 2.0) > 0.08
    assert loss.note(2010, 2010, 3.0) < 0.06


@pytest.mark.parametrize("per_s", [130, 400])
def test_a_loss_that_goes_is_forgotten_steadily(per_s: int) -> None:
    """What is forgotten of a clean past must not make the little that was lost weigh more."""
    loss, expected, received, found = LastingLoss(), 0, 0, []
    for second in range(90):
        for index in range(per_s):
            expected += 1
            received += second >= 20 or index % 33 != 0
        found.append(loss.note(expected, received, float(second)))
    assert max(later - sooner for sooner, later in pairwise(found[20:])) <= 0.001
    assert found[-1] < 0.005
