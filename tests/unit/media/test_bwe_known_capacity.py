"""What a path carried when it was too much: remembered with how sure that is, forgotten when the path is another."""

from __future__ import annotations

from media.bwe.known_capacity import KnownCapacity


def test_nothing_is_near_what_is_not_known() -> None:
    assert not KnownCapacity().is_near(0.0)
    assert not KnownCapacity().is_near(1e6)


def test_what_was_seen_once_is_known_roughly() -> None:
    capacity = KnownCapacity()
    capacity.learn(1e6)
    assert capacity.is_near(0.75e6) and capacity.is_near(1.25e6)
    assert not capacity.is_near(0.65e6) and not capacity.is_near(1.35e6)


def test_what_is_seen_again_and_again_is_known_well() -> None:
    capacity = KnownCapacity()
    for _ in range(100):
        capacity.learn(1e6)
    assert capacity.is_near(1.05e6)
    assert not capacity.is_near(1.1e6)


def test_a_little_more_or_less_moves_it_slowly() -> None:
    capacity = KnownCapacity()
    for _ in range(100):
        capacity.learn(1e6)
    capacity.learn(1.1e6)
    assert capacity.is_near(1e6)


def test_a_path_that_carries_far_less_is_another() -> None:
    capacity = KnownCapacity()
    for _ in range(100):
        capacity.learn(1e6)
    capacity.learn(0.3e6)
    assert capacity.is_near(0.3e6)
    assert not capacity.is_near(1e6)
