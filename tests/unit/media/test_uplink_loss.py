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


class Way:
    """From a publisher to us, second by second. ``name``: of a profile, None for one that loses nothing."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.loss = LastingLoss()
        self.expected = self.received = self.gaps = 0
        self._shapers: dict[str, Shaper] = {}
        self._was_lost = False

    def second(self, name: str | None, second: int, per_s: int) -> float:
        shaper = self._shapers.setdefault(name, Shaper(PROFILES[name].up, f"{self.seed}")) if name else None
        for index in range(per_s):
            self.expected += 1
            is_lost = shaper is not None and not shaper.offer(1000, second + index / per_s)
            if not is_lost:
                self.received += 1
                self.gaps += self._was_lost
            self._was_lost = is_lost
        return self.loss.note(self.expected, self.received, self.gaps, float(second))


@pytest.mark.parametrize(("name", "share"), [("4g", 0.01), ("busy-wifi", 0.0125), ("bad", 0.09)])
def test_the_gaps_of_a_network_are_what_it_is_said_to_have(name: str, share: float) -> None:
    way = Way(1)
    late = [way.second(name, second, PER_S) for second in range(1, 300)][20:]
    assert abs(sum(late) / len(late) - share) < 0.4 * share


def capped_s(name: str, seed: int, per_s: int = 130) -> int | None:
    """How many seconds after a clean minute a network makes the picture small; None: not within three minutes."""
    way, cap = Way(seed), LossCap(UPLINK_LIMITS)
    for second in range(240):
        if cap.update(way.second(name if second >= 60 else None, second, per_s), float(second)) == 0:
            return second - 59
    return None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_s", [130, 20], ids=["large", "small"])
def test_a_clean_minute_does_not_hide_what_a_network_has_become(seed: int, per_s: int) -> None:
    """Where the browser itself has gone to the small picture, it must not come back to the large one either."""
    bad_s = capped_s("bad", seed, per_s)
    assert bad_s is not None
    assert bad_s <= (8 if per_s == 130 else 20)
    assert capped_s("busy-wifi", seed, per_s) is None, "bursts are no reason"
    assert capped_s("4g", seed, per_s) is None


@pytest.mark.parametrize("seed", range(8))
def test_the_small_picture_stays_while_the_network_is_bad(seed: int) -> None:
    way, cap = Way(seed), LossCap(UPLINK_LIMITS)
    highest = [cap.update(way.second("bad", second, 130 if cap.layer else 20), float(second)) for second in range(240)]
    assert highest[15:] == [0] * len(highest[15:])
    for second in range(240, 270):
        cap.update(way.second(None, second, 20), float(second))
    assert cap.layer == NO_CAP, "and goes when it is better"


def test_what_was_only_overtaken_is_no_loss() -> None:
    loss = LastingLoss()
    shares = [loss.note(1000 * n, 1000 * n - (n % 2), 200 * n, float(n)) for n in range(1, 20)]
    assert max(shares) < 0.002


def test_another_source_begins_anew() -> None:
    loss = LastingLoss()
    assert loss.note(1000, 900, 90, 1.0) > 0.07
    assert loss.note(10, 10, 0, 2.0) > 0.07
    assert loss.note(2010, 2010, 0, 3.0) < 0.06


@pytest.mark.parametrize("per_s", [130, 400])
def test_a_loss_that_goes_is_forgotten_steadily(per_s: int) -> None:
    """What is forgotten of a clean past must not make the little that was lost weigh more."""
    loss, expected, received, gaps, found = LastingLoss(), 0, 0, 0, []
    for second in range(90):
        for index in range(per_s):
            expected += 1
            received += second >= 20 or index % 33 != 0
            gaps += second < 20 and index % 33 == 0
        found.append(loss.note(expected, received, gaps, float(second)))
    assert max(later - sooner for sooner, later in pairwise(found[20:])) <= 0.001
    assert found[-1] < 0.005
