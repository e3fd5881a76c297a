"""Writes meeting logs for tests: real chained events, without a journal."""

from __future__ import annotations

from typing import Any

from server.meeting_log.chain import link
from server.meeting_log.types import LoggedEvent, validate
from server.record.attendance import RollMember

MEETING_ID = "0" * 31 + "1"


class LogWriter:
    """``at`` is in seconds."""

    def __init__(self) -> None:
        self.events: list[LoggedEvent] = []

    def add(self, at: float, type_: str, actor: str | None = None, **payload: Any) -> LoggedEvent:
        validate(type_, payload)
        previous = self.events[-1] if self.events else None
        event = link(previous, MEETING_ID, type_, payload, actor=actor, at_ms=round(at * 1000))
        self.events.append(event)
        return event

    def start(self, at: float, roll: tuple[str, ...] = ()) -> None:
        entries = [[member_id, True] for member_id in roll]
        self.add(at, "meeting_started", roll=entries, expected=len(roll), expected_voting=len(roll), rule="test")

    def end(self, at: float) -> None:
        self.add(at, "meeting_ended", reason="host")

    def join(self, at: float, member: str, device: str = "desktop") -> None:
        self.add(at, "joined", member, participant_id=f"seat-{member}", member_id=member, role="member", device=device)

    def leave(self, at: float, member: str, reason: str = "left") -> None:
        self.add(at, "left", member, participant_id=f"seat-{member}", member_id=member, reason=reason)

    def presence(self, at: float, member: str, presence: str) -> None:
        self.add(at, "presence_changed", participant_id=f"seat-{member}", presence=presence)

    def sign_in(self, at: float, member: str, by: str | None = None) -> None:
        extra = {"by": by} if by else {}
        self.add(at, "signed_in", by or member, member_id=member, method="proxy" if by else "self", **extra)

    def remark(self, at: float, remark_id: str, member: str, text: str) -> None:
        self.add(
            at, "remark", member, remark_id=remark_id, participant_id=f"seat-{member}", member_id=member, text=text
        )


def roll_member(member_id: str, **changes: Any) -> RollMember:
    values: dict[str, Any] = {
        "member_id": member_id,
        "name": member_id.title(),
        "status": "full",
        "role": "member",
        "group": None,
        "has_vote": True,
        "counted": True,
    }
    return RollMember(**(values | changes))
