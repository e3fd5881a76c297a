"""Who is expected (应到), and who of them has a vote. Pure; sources in meeting_profiles.toml and below."""

from __future__ import annotations

from dataclasses import dataclass

from server.planning.profiles import ExpectedRule
from server.protocol.models import RoomRole

WIDE_KINDS = frozenset({"party_committee", "general_branch"})  # 党委, 党总支: their members sit in the branches below


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the roll needs him, with his tie to the organisation that meets (or to one below it)."""

    member_id: str
    name: str
    status: str
    voting_suspended: bool
    tie: str  # home, attached, group, away
    post: str | None
    group_name: str | None


@dataclass(frozen=True, slots=True)
class RollRow:
    """One line of the expected roll. ``counted`` False: observer, no part of 应到."""

    member_id: str
    name: str
    status: str
    group_name: str | None
    role: RoomRole
    has_vote: bool
    counted: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """Who has which part in the meeting."""

    host: str
    recorder: str
    lecturer: str | None
    observers: frozenset[str]

    def role_of(self, member_id: str) -> RoomRole:
        """The host's part comes first where one person has several."""
        if member_id == self.host:
            return RoomRole.HOST
        if member_id == self.recorder:
            return RoomRole.RECORDER
        if member_id == self.lecturer:
            return RoomRole.LECTURER
        return RoomRole.OBSERVER if member_id in self.observers else RoomRole.MEMBER

    @property
    def all(self) -> frozenset[str]:
        return frozenset(p for p in (self.host, self.recorder, self.lecturer) if p) | self.observers


def expected_people(people: list[Person], rule: ExpectedRule, kind: str) -> dict[str, Person]:
    """One entry per member; a home tie outweighs others (somebody may be attached where he is at home)."""
    found: dict[str, Person] = {}
    for person in sorted(people, key=lambda p: p.tie != "home"):
        if person.status not in ("full", "probationary"):
            continue  # activists and the masses may sit in as observers (条例 art. 16), they are never 应到
        if rule == "committee" and person.post is None:
            continue
        # A temporary branch has attached members; a group has members by "group"; the others by "home". Members who
        # are away at a host branch attend there as guests and are expected at home (一方隶属).
        wanted = {"temporary_branch": "attached", "party_group": "group"}.get(kind, "home")
        if person.tie == wanted or (rule == "committee" and person.tie in ("home", "attached")):
            found.setdefault(person.member_id, person)
    return found


def has_vote(person: Person) -> bool:
    """Full members who are not under 留党察看. Probationary members take part without a vote."""
    return person.status == "full" and not person.voting_suspended and person.tie != "away"


def build_roll(expected: dict[str, Person], guests: dict[str, Person], parts: Parts) -> list[RollRow]:
    """The expected, and those from elsewhere who have a part: counted only when they are expected as well."""
    rows = []
    for member_id, person in sorted((guests | expected).items(), key=lambda item: item[0]):
        observer = member_id in parts.observers
        counted = member_id in expected and not observer
        rows.append(
            RollRow(
                member_id=member_id,
                name=person.name,
                status=person.status,
                group_name=person.group_name,
                role=parts.role_of(member_id),
                has_vote=counted and has_vote(person),
                counted=counted,
            )
        )
    return rows
