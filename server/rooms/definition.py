"""What a room is told of its meeting when it opens. Plain data; persistence.py reads it from the database."""

from __future__ import annotations

from dataclasses import dataclass

from server.protocol.models import MeetingState, MeetingType, RoomRole


@dataclass(frozen=True, slots=True)
class RollMember:
    """One who may enter. ``counted`` False: observer, not part of 应到."""

    member_id: str
    name: str
    role: RoomRole
    has_vote: bool
    counted: bool
    leave_reason: str | None = None


@dataclass(frozen=True, slots=True)
class AgendaItem:
    item_id: str
    title: str
    planned_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class MeetingDefinition:
    meeting_id: str
    type: MeetingType
    title: str
    state: MeetingState
    organisation_name: str
    host_name: str
    lecturer_name: str | None
    start_ms: int
    end_ms: int
    record: bool
    quorum_percent: int | None
    agenda: tuple[AgendaItem, ...]
    people: tuple[RollMember, ...]

    def person(self, member_id: str) -> RollMember | None:
        return next((person for person in self.people if person.member_id == member_id), None)
