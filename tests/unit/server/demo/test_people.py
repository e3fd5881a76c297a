from __future__ import annotations

import re

from server.demo import people


def test_forty_people_with_natural_names() -> None:
    names = [person.name for person in people.PEOPLE]
    assert len(names) == len(set(names)) == 40
    assert all(re.fullmatch(r"[\u4e00-\u9fff]{2,4}", name) for name in names)


def test_three_branches_two_groups_and_their_secretaries() -> None:
    assert (len(people.BRANCHES), len(people.GROUPS)) == (3, 2)
    for branch in range(3):
        assert sum(person.branch == branch and person.post == "secretary" for person in people.PEOPLE) == 1
    assert {person.branch for person in people.PEOPLE if person.group is not None} == {0}


def test_everybody_with_a_part_is_one_of_them() -> None:
    names = {person.name for person in people.PEOPLE}
    parts = {people.HOST, people.RECORDER, people.SECRETARY, people.LECTURER, people.MEMBER, people.ADMINISTRATOR}
    assert parts | {login.name for login in people.LOGINS} | {name for _, name, _ in people.REMARKS} <= names


def test_four_logins_are_shown() -> None:
    assert [login.role for login in people.LOGINS if login.shown] == ["member", "host", "secretary", "administrator"]
    roles = {role for login in people.LOGINS for role, _ in login.roles}
    assert roles == {"member", "host", "secretary", "admin", "recorder", "inspector"}
