"""The shaper's figures with a clock of the test's own: shares, bursts, rates, order, and the same every time."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest

from tests.netsim.profiles import PROFILES
from tests.netsim.shaper import HEADER_BYTES, Impairments, Shaper

PACKETS = 40_000
SIZE = 1000
EVERY_S = 0.002


def outcome(shape: Impairments, seed: str = "s", packets: int = PACKETS) -> list[tuple[float, tuple[float, ...]]]:
    """(time in, times out) of an even stream."""
    shaper = Shaper(shape, seed)
    return [(n * EVERY_S, shaper.offer(SIZE, n * EVERY_S)) for n in range(packets)]


def test_without_impairments_everything_comes_at_once() -> None:
    assert all(out == (at,) for at, out in outcome(Impairments(), packets=100))


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_random_loss_has_its_share_and_no_bursts(share: float) -> None:
    lost = [not out for _, out in outcome(Impairments(loss=share))]
    assert sum(lost) / PACKETS == pytest.approx(share, rel=0.1)
    assert _mean_burst(lost) == pytest.approx(1 / (1 - share), rel=0.1)


def test_burst_loss_has_its_share_and_its_length() -> None:
    lost = [not out for _, out in outcome(Impairments(burst_loss=0.05, burst_packets=4))]
    assert sum(lost) / PACKETS == pytest.approx(0.05, rel=0.15)
    assert _mean_burst(lost) == pytest.approx(4, rel=0.1)


def test_duplicates_come_twice() -> None:
    shaper = Shaper(Impairments(duplicates=0.02), "s")
    copies = [len(shaper.offer(SIZE, n * EVERY_S)) for n in range(PACKETS)]
    assert copies.count(2) / PACKETS == pytest.approx(0.02, rel=0.15)
    assert shaper.doubled == copies.count(2)


def test_jitter_of_queues_keeps_order_and_stays_in_its_range() -> None:
    shape = Impairments(delay_ms=40, jitter_ms=60)
    times = [(at, out[0]) for at, out in outcome(shape)]
    delays = [out - at for at, out in times]
    assert min(delays) == 0, "40 - 60 ms is nothing, not before"
    assert 0.09 < max(delays) <= 0.1
    assert all(a <= b for (_, a), (_, b) in pairwise(times))


def test_jitter_of_its_own_for_each_packet_reorders() -> None:
    times = [out[0] for _, out in outcome(Impairments(delay_ms=150, jitter_ms=100, reorders=True))]
    overtaken = sum(b < a for a, b in pairwise(times))
    assert overtaken > PACKETS / 3


def test_a_link_lets_its_rate_through_and_its_queue_is_bounded() -> None:
    shape = Impairments(delay_ms=300, rate_bps=150_000, queue_ms=400)
    times = [(at, out[0]) for at, out in outcome(shape, packets=5000) if out]
    seconds = times[-1][1] - times[0][1]
    assert len(times) * (SIZE + HEADER_BYTES) * 8 / seconds == pytest.approx(150_000, rel=0.02)
    packet_s = (SIZE + HEADER_BYTES) * 8 / 150_000
    assert max(out - at for at, out in times) <= 0.3 + 0.4 + packet_s + 1e-9


def test_an_idle_link_has_no_memory_of_its_queue() -> None:
    shaper = Shaper(Impairments(rate_bps=150_000), "s")
    first = shaper.offer(SIZE, 0.0)[0]
    assert shaper.offer(SIZE, 10.0)[0] == pytest.approx(10 + first)


def test_nothing_leaves_a_blackhole_and_a_new_network_holds_at_once() -> None:
    shaper = Shaper(PROFILES["udp-blocked"].up, "s")
    assert shaper.offer(SIZE, 0.0) == ()
    shaper.impairments = PROFILES["good"].up
    assert shaper.offer(SIZE, 1.0) == (1.02,)


def test_the_same_seed_gives_the_same_network_whatever_the_times() -> None:
    shape = PROFILES["busy-wifi"].down
    assert outcome(shape, "a") == outcome(shape, "a")
    assert outcome(shape, "a") != outcome(shape, "b")
    hasty = Shaper(shape, "a")
    kept = [bool(hasty.offer(SIZE, n * EVERY_S / 7)) for n in range(PACKETS)]
    assert kept == [bool(out) for _, out in outcome(shape, "a")]


def _mean_burst(lost: list[bool]) -> float:
    lengths = [len(list(run)) for is_lost, run in groupby(lost) if is_lost]
    return sum(lengths) / len(lengths)
