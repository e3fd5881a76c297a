"""Who is expected and who votes (domain.md §2.2), case by case."""

from __future__ import annotations

from typing import Any

import pytest

from server.planning.roll import Parts, Person, build_roll, expected_people, has_vote
from server.protocol.models import RoomRole

NOBODY = Parts(host="h", recorder="r", lecturer=None, observers=frozenset())


def person(member_id: str, **changes: Any) -> Person:
    usual: dict[str, Any] = {"name": member_id, "status": "full", "voting_suspended": False, "tie": "home"}
    return Person(**({"member_id": member_id, "post": None, "group_name": None} | usual | changes))


@pytest.mark.parametrize(
    ("changes", "votes"),
    [
        ({}, True),
        ({"status": "probationary"}, False),
        ({"voting_suspended": True}, False),
        ({"tie": "attached"}, True),
        ({"tie": "away"}, False),
        ({"status": "activist"}, False),
    ],
)
def test_full_members_vote_unless_suspended_or_guests(changes: dict[str, Any], votes: bool) -> None:
    assert has_vote(person("a", **changes)) is votes


def test_a_branch_expects_its_own_members() -> None:
    people = [
        person("full"),
        person("probationary", status="probationary"),
        person("activist", status="activist"),
        person("mass", status="mass"),
        person("guest", tie="away"),
        person("attached", tie="attached"),
    ]
    assert set(expected_people(people, "members", "branch")) == {"full", "probationary"}


def test_a_temporary_branch_expects_who_is_attached() -> None:
    people = [person("home"), person("attached", tie="attached")]
    assert set(expected_people(people, "members", "temporary_branch")) == {"attached"}


def test_a_group_expects_its_members() -> None:
    people = [person("home"), person("in", tie="group"), person("new", tie="group", status="probationary")]
    assert set(expected_people(people, "group", "party_group")) == {"in", "new"}


def test_a_committee_expects_who_holds_a_post() -> None:
    people = [person("secretary", post="secretary"), person("member"), person("lent", tie="attached", post="secretary")]
    assert set(expected_people(people, "committee", "branch")) == {"secretary", "lent"}


def test_who_belongs_twice_is_expected_once() -> None:
    twice = [person("a", tie="attached"), person("a", tie="home"), person("a", tie="group")]
    assert len(build_roll(expected_people(twice, "members", "branch"), {}, NOBODY)) == 1


def test_parts_and_guests_on_the_roll() -> None:
    expected = {name: person(name) for name in ("h", "r", "m", "o")}
    guests = {"l": person("l", tie="away"), "g": person("g", tie="away")}
    parts = Parts("h", "r", "l", frozenset({"g", "o"}))
    rows = {row.member_id: row for row in build_roll(expected, guests, parts)}
    assert {name: row.role for name, row in rows.items()} == {
        "h": RoomRole.HOST,
        "r": RoomRole.RECORDER,
        "l": RoomRole.LECTURER,
        "m": RoomRole.MEMBER,
        "g": RoomRole.OBSERVER,
        "o": RoomRole.OBSERVER,
    }
    assert {name for name, row in rows.items() if row.counted} == {"h", "r", "m"}
    assert {name for name, row in rows.items() if row.has_vote} == {"h", "r", "m"}


def test_the_host_who_also_keeps_the_record_is_the_host() -> None:
    assert Parts("a", "a", "a", frozenset({"a"})).role_of("a") is RoomRole.HOST
