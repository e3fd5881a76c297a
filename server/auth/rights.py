"""ONE decision function for rights: ``can(actor, action, target)``. Pure; deny by default."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from server.auth.actor import Actor, Role


class Action(StrEnum):
    """Everything that somebody may be allowed to do. An action without a rule is refused."""

    SEE_MEETING = "see_meeting"
    SCHEDULE_MEETING = "schedule_meeting"
    JOIN_MEETING = "join_meeting"
    MODERATE_MEETING = "moderate_meeting"
    KEEP_RECORD = "keep_record"  # tick members, write minutes
    WATCH_RECORDING = "watch_recording"
    READ_LEDGER = "read_ledger"
    SIGN_AS_HOST = "sign_as_host"
    SIGN_AS_RECORDER = "sign_as_recorder"
    EXPORT_LEDGER = "export_ledger"
    READ_ORGANISATION = "read_organisation"
    ADMINISTER = "administer"


@dataclass(frozen=True, slots=True)
class Target:
    """What is acted on: an organisation's path and, for a meeting, who has which part in it."""

    path: str
    expected: frozenset[str] = frozenset()  # member ids on the roll, observers included
    host_member_id: str | None = None
    recorder_member_id: str | None = None
    lecturer_member_id: str | None = None


_PLAN: frozenset[Role] = frozenset({"secretary", "liaison", "host"})
OFFICE_ROLES: frozenset[Role] = frozenset({"secretary", "liaison", "recorder", "host"})
OVERSIGHT_ROLES: frozenset[Role] = frozenset({"inspector", "admin"})  # reads go down the tree for these only


def can(actor: Actor, action: Action, target: Target) -> bool:
    """Writes count only at the node itself; reads go down the tree for inspectors and administrators only."""
    me = actor.member_id
    here = {r.role for r in actor.roles if r.path == target.path}
    above = {r.role for r in actor.roles if target.path == r.path or target.path.startswith(r.path + "/")}
    expected = me in target.expected
    match action:
        case Action.JOIN_MEETING:
            return expected
        case Action.SEE_MEETING | Action.WATCH_RECORDING:
            return expected or bool(here & OFFICE_ROLES) or bool(above & OVERSIGHT_ROLES)
        case Action.MODERATE_MEETING | Action.SIGN_AS_HOST:
            return me == target.host_member_id
        case Action.SIGN_AS_RECORDER:
            return me == target.recorder_member_id
        case Action.KEEP_RECORD:
            return me in (target.host_member_id, target.recorder_member_id) or "secretary" in here
        case Action.READ_LEDGER | Action.EXPORT_LEDGER:
            part = me in (target.host_member_id, target.recorder_member_id)
            return part or bool(here & OFFICE_ROLES) or bool(above & OVERSIGHT_ROLES)
        case Action.SCHEDULE_MEETING:
            return bool(here & _PLAN)
        case Action.READ_ORGANISATION:
            return target.path in actor.homes or bool(above & OVERSIGHT_ROLES) or bool(here)
        case Action.ADMINISTER:
            return "admin" in above
