"""The estimator against bottlenecks: finds them, keeps their queues short, and does not take noise for one."""

from __future__ import annotations

import pytest

from media.bwe.arrival_rate import MAX_MESSAGES
from media.bwe.estimator import MAX_BPS, MIN_BPS, Estimator
from media.bwe.feedback import Feedback
from media.bwe.send_history import SendHistory
from tests.unit.media.simulated_link import ElasticSource, Link, Path


class Run:
    """A source that sends just what the estimator says."""

    def __init__(self, link: Link, start_bps: float) -> None:
        self.link = link
        self.estimator = Estimator(start_bps)
        self.path = Path(link, lambda message, now: self.estimator.feed(message, self.path.history, now))
        self.source = ElasticSource(self.path, lambda: self.estimator.bps)

    def seconds(self, count: float) -> float:
        """Runs on, and says how fast data arrived."""
        before = self.path.arrived_bytes
        self.source.run(count)
        return (self.path.arrived_bytes - before) * 8 / count


@pytest.mark.parametrize("capacity_bps", [300_000, 1_000_000, 3_000_000])
def test_fills_a_bottleneck_without_filling_its_queue(capacity_bps: float) -> None:
    run = Run(Link(capacity_bps), capacity_bps / 2)
    run.seconds(12)  # eight percent a second
    run.link.longest_wait_s = 0
    assert 0.8 * capacity_bps <= run.seconds(20) <= capacity_bps * 1.01
    assert run.link.longest_wait_s < 0.3
    assert run.link.dropped == 0


def test_twice_too_much_is_cut_within_two_seconds() -> None:
    run = Run(Link(1_000_000), 2_000_000)
    run.seconds(2)
    assert run.estimator.bps < 1_000_000
    run.seconds(2)
    run.link.longest_wait_s = 0
    assert run.seconds(10) > 800_000
    assert run.link.longest_wait_s < 0.3


def test_steps_down_within_two_seconds() -> None:
    run = Run(Link(2_000_000), 1_500_000)
    run.seconds(5)
    run.link.capacity_bps = 150_000
    run.seconds(2)
    assert run.estimator.bps < 150_000
    run.seconds(3)
    run.link.longest_wait_s = 0
    run.seconds(10)
    assert run.link.longest_wait_s < 0.3, "the queue has gone"


@pytest.mark.parametrize("seed", range(3))
def test_random_loss_is_no_congestion(seed: int) -> None:
    run = Run(Link(2_000_000, loss=0.05, seed=seed), 1_000_000)
    run.seconds(30)
    assert run.seconds(10) > 700_000


@pytest.mark.parametrize("seed", range(3))
def test_loss_that_sending_less_does_not_cure_is_lived_with(seed: int) -> None:
    run = Run(Link(2_000_000, loss=0.13, seed=seed), 1_000_000)
    run.seconds(30)
    assert run.seconds(10) > 300_000


@pytest.mark.parametrize("seed", range(4))
def test_what_a_queue_has_shown_no_loss_takes_back(seed: int) -> None:
    run = Run(Link(5_000_000, seed=seed), 4_000_000)
    run.seconds(5)
    run.link.loss = 0.13
    run.seconds(2)
    run.link.capacity_bps = 400_000
    run.seconds(4)
    highest = 0.0
    for _ in range(100):
        run.seconds(0.1)
        highest = max(highest, run.estimator.bps)
    assert highest < 800_000


@pytest.mark.parametrize("seed", range(2))
def test_another_path_is_not_held_to_what_the_old_one_lost(seed: int) -> None:
    run = Run(Link(5_000_000, loss=0.2, seed=seed), 1_000_000)
    run.seconds(3)
    run.estimator.forget_path()
    run.link.loss = 0.0
    run.seconds(1)
    assert run.estimator.lasting_loss(run.path.now) == 0


def test_loss_without_a_queue_is_congestion_when_sending_less_cures_it() -> None:
    run = Run(Link(500_000, queue_s=0.01), 900_000)
    run.seconds(8)
    assert run.estimator.bps < 600_000


@pytest.mark.parametrize("seed", range(3))
def test_jitter_is_no_queue(seed: int) -> None:
    run = Run(Link(2_000_000, jitter_s=0.03, seed=seed), 1_000_000)
    run.seconds(15)
    assert run.seconds(15) > 1_000_000


def test_feedback_that_is_lost_is_no_loss_of_packets() -> None:
    run = Run(Link(2_000_000), 500_000)
    feed = run.estimator.feed
    run.path.listen = lambda message, now: feed(message, run.path.history, now) if message.ordinal % 3 else None
    run.seconds(10)
    assert run.estimator.loss == 0
    assert run.estimator.bps > 600_000


def test_times_that_stand_still_or_jump_cost_no_memory() -> None:
    estimator, history = Estimator(), SendHistory()
    stream = history.open_stream()
    for step in range(2000):
        number = stream.note([1000], 1_000_000 + step * 5000)
        arrival_us = (0, 0, 1 << 39, 5)[step % 4] if step % 100 else step
        estimator.feed(Feedback(1, step & 0xFF, [number], [arrival_us]), history, 1.0 + step / 200)
    assert len(estimator._arrivals._messages) <= MAX_MESSAGES
    assert len(estimator._seen) <= 1
    assert MIN_BPS <= estimator.bps <= MAX_BPS


def test_never_below_what_sound_needs() -> None:
    run = Run(Link(2_000_000, loss=0.9), 300_000)
    run.seconds(30)
    assert run.estimator.bps >= MIN_BPS


def test_other_viewers_numbers_are_not_lost_ones() -> None:
    run = Run(Link(2_000_000), 500_000)
    others = run.path.history.open_stream()
    for _ in range(100):
        run.seconds(0.05)
        others.note([1000] * 30, int(run.path.now * 1_000_000))
    assert run.estimator.loss == 0
    assert run.estimator.bps > 500_000


def test_a_stream_that_was_not_watched_for_a_while_has_lost_nothing() -> None:
    run = Run(Link(2_000_000), 500_000)
    run.seconds(2)
    for _ in range(20):
        run.source.stream.note([1000] * 30, int(run.path.now * 1_000_000))
        run.path.advance(0.05)
    run.estimator.begin()
    run.seconds(3)
    assert run.estimator.loss == 0
