"""The expected roll and who of it has signed in (签到). Signing in is apart from joining. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from server.protocol.models import RollEntry, RollInfo
from server.rooms.definition import RollMember


@dataclass(frozen=True, slots=True)
class SignIn:
    at_ms: int
    method: str
    by: str | None


class Roll:
    """The first sign-in of a member counts; later ones change nothing."""

    def __init__(self, people: Iterable[RollMember]) -> None:
        self._names: dict[str, str] = {}
        self._expected: dict[str, RollMember] = {}
        self._signed: dict[str, SignIn] = {}
        self.replace(people)

    def replace(self, people: Iterable[RollMember]) -> None:
        """Another roll, as when it is frozen at the start; sign-ins stay."""
        everybody = tuple(people)
        self._names = {person.member_id: person.name for person in everybody}
        self._expected = {person.member_id: person for person in everybody if person.counted}

    def expects(self, member_id: str) -> bool:
        return member_id in self._expected

    def signed_in(self, member_id: str) -> bool:
        return member_id in self._signed

    def sign_in(self, member_id: str, at_ms: int, method: str, by: str | None) -> None:
        self._signed.setdefault(member_id, SignIn(at_ms, method, by))

    def entry(self, member_id: str) -> RollEntry:
        person = self._expected[member_id]
        signed = self._signed.get(member_id)
        return RollEntry(
            member_id=member_id,
            name=person.name,
            has_vote=person.has_vote,
            signed_in_ms=signed.at_ms if signed else None,
            method=signed.method if signed else None,
            signed_in_by=self._names.get(signed.by) if signed and signed.by else None,
            leave_reason=person.leave_reason,
        )

    def info(self) -> RollInfo:
        entries = tuple(self.entry(member_id) for member_id in self._expected)
        return RollInfo(
            expected=len(entries),
            signed_in=sum(entry.signed_in_ms is not None for entry in entries),
            expected_voting=sum(entry.has_vote for entry in entries),
            signed_in_voting=sum(entry.has_vote and entry.signed_in_ms is not None for entry in entries),
            entries=entries,
        )
