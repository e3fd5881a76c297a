"""The whole matrix: every action and role, held at the node itself, below, beside, above, or in a temporary branch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from server.auth.actor import Actor, Role, RoleAt
from server.auth.rights import Action, Target, can

TARGET = "root/branch"
WHERE = {
    "own": "root/branch",
    "child": "root/branch/group",
    "sibling": "root/branch2",
    "parent": "root",
    "temporary": "root/t",
}
ROLES: tuple[Role, ...] = get_args(Role)

OFFICE = {"secretary", "liaison", "recorder", "host"}
PLAN = {"secretary", "liaison", "host"}
OVERSIGHT = {"inspector", "admin"}
# Action → roles that suffice at the node itself; and whether they suffice from a node above as well.
AT_NODE: dict[Action, set[str]] = {
    Action.SEE_MEETING: OFFICE | OVERSIGHT,
    Action.SCHEDULE_MEETING: PLAN,
    Action.JOIN_MEETING: set(),
    Action.MODERATE_MEETING: set(),
    Action.KEEP_RECORD: {"secretary"},
    Action.WATCH_RECORDING: OFFICE | OVERSIGHT,
    Action.READ_LEDGER: OFFICE | OVERSIGHT,
    Action.SIGN_AS_HOST: set(),
    Action.SIGN_AS_RECORDER: set(),
    Action.EXPORT_LEDGER: OFFICE | OVERSIGHT,
    Action.READ_ORGANISATION: set(ROLES),
    Action.ADMINISTER: {"admin"},
}
FROM_ABOVE: dict[Action, set[str]] = {
    Action.SEE_MEETING: OVERSIGHT,
    Action.WATCH_RECORDING: OVERSIGHT,
    Action.READ_LEDGER: OVERSIGHT,
    Action.EXPORT_LEDGER: OVERSIGHT,
    Action.READ_ORGANISATION: OVERSIGHT,
    Action.ADMINISTER: {"admin"},
}


def actor(role: Role | None = None, path: str = TARGET, *, homes: tuple[str, ...] = ()) -> Actor:
    roles = (RoleAt(role, path.rpartition("/")[2], path),) if role else ()
    return Actor("account", "me", "我", roles, homes)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", Action)
def test_a_role_reaches_as_far_as_it_should(action: Action, role: Role, where: str) -> None:
    allowed = {"own": AT_NODE, "parent": FROM_ABOVE}.get(where, {}).get(action, set())
    assert can(actor(role, WHERE[where]), action, Target(path=TARGET)) is (role in allowed)


@pytest.mark.parametrize("action", Action)
def test_whoever_holds_nothing_may_do_nothing(action: Action) -> None:
    assert not can(actor(), action, Target(path=TARGET))


@pytest.mark.parametrize("action", Action)
def test_a_member_of_another_branch_may_do_nothing(action: Action) -> None:
    stranger = actor("member", "root/branch2", homes=("root/branch2",))
    assert not can(stranger, action, Target(path=TARGET, expected=frozenset({"somebody"})))


def test_a_path_that_only_begins_alike_is_not_below() -> None:
    assert not can(actor("inspector", "root/bran"), Action.READ_LEDGER, Target(path=TARGET))


@pytest.mark.parametrize(
    ("part", "actions"),
    [
        ("expected", {Action.SEE_MEETING, Action.JOIN_MEETING, Action.WATCH_RECORDING}),
        (
            "host_member_id",
            {
                Action.MODERATE_MEETING,
                Action.SIGN_AS_HOST,
                Action.KEEP_RECORD,
                Action.READ_LEDGER,
                Action.EXPORT_LEDGER,
            },
        ),
        (
            "recorder_member_id",
            {Action.SIGN_AS_RECORDER, Action.KEEP_RECORD, Action.READ_LEDGER, Action.EXPORT_LEDGER},
        ),
        ("lecturer_member_id", set()),
    ],
)
def test_a_part_in_the_meeting_gives_exactly_its_rights(part: str, actions: set[Action]) -> None:
    value: Any = frozenset({"me"}) if part == "expected" else "me"
    mine = replace(Target(path=TARGET), **{part: value})
    assert {action for action in Action if can(actor(), action, mine)} == actions


def test_a_member_of_the_branch_may_read_about_it() -> None:
    assert can(actor(homes=(TARGET,)), Action.READ_ORGANISATION, Target(path=TARGET))
    assert not can(actor(homes=("root/branch2",)), Action.READ_ORGANISATION, Target(path=TARGET))


def test_someone_attached_to_a_temporary_branch_gains_nothing_elsewhere() -> None:
    attached = actor("host", "root/t", homes=("root/branch2", "root/t"))
    assert can(attached, Action.SCHEDULE_MEETING, Target(path="root/t"))
    assert {action for action in Action if can(attached, action, Target(path=TARGET))} == set()
