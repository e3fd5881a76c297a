"""Where rooms and their participants go when workers come and go."""

from __future__ import annotations

from server.workers.placement import Loss, Placement


def _full(spread_at: int = 2) -> Placement:
    """One room on worker a, which is full."""
    placement = Placement(spread_at)
    placement.open("r", "a")
    for number in range(spread_at):
        placement.sit("r", f"p{number}", "a")
    return placement


def test_a_room_goes_where_the_fewest_sit() -> None:
    placement = _full()
    assert placement.worker_for_room(["a", "b"]) == "b"
    assert placement.worker_for_room([]) is None


def test_participants_fill_the_primary_and_then_another_worker() -> None:
    placement = Placement(spread_at=2)
    placement.open("r", "a")
    seats = []
    for number in range(5):
        worker = placement.worker_for_seat("r", f"p{number}", ["a", "b"])
        assert worker is not None
        placement.open("r", worker)
        placement.sit("r", f"p{number}", worker)
        seats.append(worker)
    assert seats[:4] == ["a", "a", "b", "b"]
    assert seats[4] in ("a", "b")  # both are full: wherever there is less to do
    assert placement.workers("r") == ("a", "b")
    assert placement.primary("r") == "a"


def test_who_sits_somewhere_stays_there() -> None:
    placement = _full()
    placement.open("r", "b")
    placement.sit("r", "late", "b")
    placement.leave("r", "p0")
    assert placement.worker_for_seat("r", "late", ["a", "b"]) == "b"
    assert placement.worker_for_seat("r", "new", ["a", "b"]) == "a"


def test_a_lost_secondary_takes_only_its_own_participants() -> None:
    placement = _full()
    placement.open("r", "b")
    placement.sit("r", "late", "b")
    assert placement.lose("b") == [Loss("r", ("late",), False, "a")]
    assert placement.workers("r") == ("a",)
    assert placement.seat("r", "late") is None
    assert placement.seat("r", "p0") == "a"


def test_a_lost_primary_hands_over_to_the_next() -> None:
    placement = _full()
    placement.open("r", "b")
    assert placement.lose("a") == [Loss("r", ("p0", "p1"), True, "b")]
    assert placement.primary("r") == "b"


def test_a_room_without_a_worker_is_gone() -> None:
    placement = _full()
    assert placement.lose("a") == [Loss("r", ("p0", "p1"), True, None)]
    assert placement.primary("r") is None
    assert placement.worker_for_seat("r", "p0", ["b"]) is None


def test_a_worker_that_says_so_is_the_primary_again() -> None:
    """After a restart of the server the workers say which of them was the primary, in any order."""
    placement = Placement(spread_at=2)
    placement.open("r", "b")
    placement.open("r", "a", is_primary=True)
    placement.open("r", "b")
    assert placement.workers("r") == ("a", "b")
