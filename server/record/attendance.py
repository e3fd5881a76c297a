"""Attendance, computed from the meeting log and the roll. Pure: the same events always give the same rows.

Knows nothing of tables, HTTP or languages (explanations.py makes the sentences).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from server.makeup.intervals import Span, clipped, merged, total
from server.meeting_log.types import LoggedEvent
from server.protocol.http import AttendanceState
from server.record.rules import PresenceRule


@dataclass(frozen=True, slots=True)
class RollMember:
    """One line of the frozen roll. ``counted`` False: an observer, not part of 应到."""

    member_id: str
    name: str
    status: str
    role: str
    group: str | None
    has_vote: bool
    counted: bool
    leave_reason: str | None = None
    leave_approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class Attendance:
    """What the log says of one member of the roll."""

    member: RollMember
    state: AttendanceState
    signed_in_ms: int | None
    sign_in_method: str | None
    signed_in_by: str | None
    device: str | None
    presence: tuple[Span, ...]  # in the meeting's room, bridged, not clipped to the meeting
    online_ms: int  # of it within [started, ended)
    late_ms: int  # signed in so long after the start
    early_ms: int  # left so long before the end

    @property
    def joined_ms(self) -> int | None:
        return self.presence[0][0] if self.presence else None

    @property
    def left_ms(self) -> int | None:
        return self.presence[-1][1] if self.presence else None

    @property
    def attended(self) -> bool:
        return self.state in (AttendanceState.PRESENT, AttendanceState.LATE, AttendanceState.LEFT_EARLY)


@dataclass(slots=True)
class _Trace:
    """What the events say of one member while they are read."""

    since_ms: int | None = None
    spans: list[Span] = field(default_factory=list)
    signed_in: tuple[int, str, str | None] | None = None
    device: str | None = None

    def open(self, at_ms: int) -> None:
        if self.since_ms is None:
            self.since_ms = at_ms

    def close(self, at_ms: int) -> None:
        if self.since_ms is not None:
            self.spans.append((self.since_ms, max(at_ms, self.since_ms)))
            self.since_ms = None


def meeting_bounds(events: Iterable[LoggedEvent]) -> tuple[int | None, int | None]:
    """When the meeting really started and ended, None where the log does not say so."""
    started = ended = None
    for event in events:
        if event.type == "meeting_started" and started is None:
            started = event.at_ms
        elif event.type == "meeting_ended":
            ended = event.at_ms
    return started, ended


def attendance(events: list[LoggedEvent], roll: Iterable[RollMember], rule: PresenceRule) -> list[Attendance]:
    """One row per member of the roll, in the roll's order."""
    started_ms, ended_ms = meeting_bounds(events)
    last_ms = max((event.at_ms for event in events), default=0)
    end_ms = last_ms if ended_ms is None else ended_ms
    start_ms = end_ms if started_ms is None else started_ms
    traces = _traces(events, end_ms)
    return [_judge(member, traces.get(member.member_id, _Trace()), start_ms, end_ms, rule) for member in roll]


def _traces(events: list[LoggedEvent], end_ms: int) -> dict[str, _Trace]:
    traces: dict[str, _Trace] = {}
    seats: dict[str, str] = {}  # participant_id → member_id
    for event in events:
        payload = json.loads(event.payload)
        if event.type == "joined":
            seats[payload["participant_id"]] = payload["member_id"]
        member_id = payload.get("member_id") or seats.get(payload.get("participant_id", ""))
        if member_id is not None:
            _read(traces.setdefault(member_id, _Trace()), event, payload)
        elif event.type == "meeting_interrupted":
            for trace in traces.values():
                trace.close(payload["since_ms"])
    for trace in traces.values():
        trace.close(end_ms)
    return traces


def _read(trace: _Trace, event: LoggedEvent, payload: dict[str, str | None]) -> None:
    """A ``left`` or ``away`` event carries the time of the last proof of life, so it may lie before its neighbours."""
    match event.type:
        case "joined":
            trace.open(event.at_ms)
            trace.device = trace.device or payload.get("device")
        case "left" if payload["reason"] != "replaced":  # replaced: the seat lives on with the newer device
            trace.close(event.at_ms)
        case "presence_changed":
            (trace.close if payload["presence"] == "away" else trace.open)(event.at_ms)
        case "signed_in" if trace.signed_in is None:
            trace.signed_in = (event.at_ms, str(payload["method"]), payload.get("by"))


def _judge(member: RollMember, trace: _Trace, start_ms: int, end_ms: int, rule: PresenceRule) -> Attendance:
    spans = merged(trace.spans, rule.bridge_ms)
    signed_in_ms, method, by = trace.signed_in or (None, None, None)
    late_ms = 0 if signed_in_ms is None else max(signed_in_ms - start_ms, 0)
    early_ms = max(end_ms - spans[-1][1], 0) if spans else 0
    if signed_in_ms is None:
        state = AttendanceState.LEAVE if member.leave_reason else AttendanceState.ABSENT
    elif late_ms > rule.late_after_ms:
        state = AttendanceState.LATE
    elif early_ms > rule.early_before_ms:
        state = AttendanceState.LEFT_EARLY
    else:
        state = AttendanceState.PRESENT
    return Attendance(
        member=member,
        state=state,
        signed_in_ms=signed_in_ms,
        sign_in_method=method,
        signed_in_by=by,
        device=trace.device,
        presence=tuple(spans),
        online_ms=total(clipped(spans, start_ms, end_ms)),
        late_ms=late_ms,
        early_ms=early_ms,
    )
