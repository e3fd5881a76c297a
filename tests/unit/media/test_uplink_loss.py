"""Where very much is lost on the way from a publisher, his viewers get the small picture."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from media.allocator import Allocator
from media.bwe.budget import Budget
from media.bwe.lasting_loss import LastingLoss
from media.bwe.loss_cap import NO_CAP, UPLINK_LIMITS, LossCap
from media.rtp.reception import Reception
from media.uplink import MEMORY
from tests.netsim.profiles import PROFILES
from tests.netsim.shaper import Impairments, Shaper
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
    """From a publisher to us, second by second; packets come in the order in which a network has them come."""

    def __init__(self, seed: int = 0) -> None:
        self.loss = LastingLoss(memory=MEMORY)
        self.reception = Reception(90000)
        self._seed = seed
        self._shapers: dict[Impairments, Shaper] = {}
        self._sequence = 0
        self._on_the_way: list[tuple[float, int]] = []
        self._began = 1

    def second(self, shape: Impairments, second: int, per_s: int) -> float:
        shaper = self._shapers.setdefault(shape, Shaper(shape, f"{self._seed}"))
        for index in range(per_s):
            now = second + index / per_s
            self._sequence += 1
            self._on_the_way += [(at, self._sequence) for at in shaper.offer(1000, now)]
            self._on_the_way.sort()
            while self._on_the_way and self._on_the_way[0][0] <= now:
                self.reception.receive(self._on_the_way.pop(0)[1] & 0xFFFF, 0, now)
        return self.loss.note(*self.reception.totals, float(second))

    def capped(self, shape: Impairments, seconds: int, cap: LossCap, per_s: int | None = None) -> list[int]:
        """The highest layer, second by second. Who is capped sends less, if not ``per_s``."""
        found = []
        for second in range(seconds):
            share = self.second(shape, second + self._began, per_s or (130 if cap.layer else 20))
            found.append(cap.update(share, float(second + self._began)))
        self._began += seconds
        return found


GOOD, BAD, WIFI, MOBILE = (PROFILES[name].up for name in ("good", "bad", "busy-wifi", "4g"))
FEW_LOST = replace(GOOD, loss=0.05)


@pytest.mark.parametrize(
    ("shape", "share"),
    [
        (MOBILE, 0.01),
        (WIFI, 0.0125),
        (replace(WIFI, reorders=True), 0.0125),
        (BAD, 0.09),
        (replace(BAD, reorders=True), 0.09),
    ],
    ids=["4g", "wifi", "wifi-overtaking", "bad", "bad-overtaking"],
)
def test_the_gaps_of_a_network_are_what_it_is_said_to_have(shape: Impairments, share: float) -> None:
    way = Way(1)
    late = [way.second(shape, second, PER_S) for second in range(1, 300)][20:]
    assert abs(sum(late) / len(late) - share) < 0.4 * share


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("per_s", "soon_s"), [(130, 10), (20, 40)], ids=["large", "small"])
@pytest.mark.parametrize("before", [GOOD, WIFI])
def test_a_better_minute_does_not_hide_what_a_network_has_become(
    before: Impairments, seed: int, per_s: int, soon_s: int
) -> None:
    """Where the browser itself has gone to the small picture, it must not come back to the large one either."""
    way, cap = Way(seed), LossCap(UPLINK_LIMITS)
    assert set(way.capped(before, 60, cap)) == {NO_CAP}
    assert 0 in way.capped(BAD, soon_s, cap, per_s)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "shape", [WIFI, replace(WIFI, reorders=True), MOBILE, replace(MOBILE, reorders=True), FEW_LOST]
)
def test_bursts_and_packets_that_overtake_are_no_reason(shape: Impairments, seed: int) -> None:
    assert set(Way(seed).capped(shape, 180, LossCap(UPLINK_LIMITS))) == {NO_CAP}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [BAD, replace(BAD, reorders=True)])
def test_the_small_picture_stays_while_the_network_is_bad(shape: Impairments, seed: int) -> None:
    way, cap = Way(seed), LossCap(UPLINK_LIMITS)
    assert set(way.capped(shape, 240, cap)[20:]) == {0}
    assert way.capped(GOOD, 40, cap)[-1] == NO_CAP, "and goes when it is better"


def test_an_outage_does_not_hide_the_loss_before_it() -> None:
    loss = LastingLoss(memory=MEMORY)
    assert loss.note(300, 27, 1.0) > 0.07
    assert loss.note(1600, 28, 2.0) > 0.035


def test_another_source_begins_anew() -> None:
    loss = LastingLoss()
    assert loss.note(1000, 90, 1.0) > 0.07
    assert loss.note(10, 0, 2.0) > 0.07
    assert loss.note(2010, 0, 3.0) < 0.06


@pytest.mark.parametrize("per_s", [130, 400])
def test_a_loss_that_goes_is_forgotten_steadily(per_s: int) -> None:
    """What is forgotten of a clean past must not make the little that was lost weigh more."""
    loss, expected, gaps, found = LastingLoss(), 0, 0, []
    for second in range(90):
        for index in range(per_s):
            expected += 1
            gaps += second < 20 and index % 33 == 0
        found.append(loss.note(expected, gaps, float(second)))
    assert max(later - sooner for sooner, later in pairwise(found[20:])) <= 0.001
    assert found[-1] < 0.005
