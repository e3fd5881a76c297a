"""Assembles the facts of a ledger entry from the log, the roll and the meeting. Pure; canonical, so that it can be
hashed: only strings, integers, booleans, null, lists and objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from server.meeting_log.types import LoggedEvent
from server.protocol.http import AttendanceState
from server.record.attendance import Attendance, attendance, meeting_bounds
from server.record.chapters import agenda_times
from server.record.reduced import Reduced, reduced
from server.record.remarks import remarks
from server.record.roll import MeetingContext
from server.record.rules import PresenceRule, rule_of, utc_offset_minutes

FACTS_FORMAT = 1


def facts(context: MeetingContext, events: list[LoggedEvent], names: Mapping[str, str]) -> dict[str, Any]:
    """Everything that the log proves about the meeting. ``names``: of all members who act in the log."""
    rule = rule_of(PresenceRule, context.settings)
    rows = attendance(events, context.roll, rule)
    started_ms, ended_ms = meeting_bounds(events)
    low = reduced(events, started_ms or 0, ended_ms or max((event.at_ms for event in events), default=0))
    return {
        "format": FACTS_FORMAT,
        "meeting": _meeting(context, events),
        "rule": asdict(rule),
        "counts": _counts([row for row in rows if row.member.counted]),
        "attendance": [_row(row, names) | _reduced(row, low) for row in rows if row.member.counted],
        "observers": [
            {"member_id": row.member.member_id, "name": row.member.name}
            for row in rows
            if not row.member.counted and (row.presence or row.signed_in_ms is not None)
        ],
        "agenda": agenda_times(events, context.meeting.agenda),
        "remarks": remarks(events, names),
        "recording": _recording(events),
    }


def acting_members(events: list[LoggedEvent]) -> set[str]:
    """Ids of all members whom the log names."""
    found: set[str] = set()
    for event in events:
        payload = json.loads(event.payload)
        found |= {str(payload[key]) for key in ("member_id", "by") if payload.get(key)}
    return found


def _meeting(context: MeetingContext, events: list[LoggedEvent]) -> dict[str, Any]:
    meeting, organisation = context.meeting, context.organisation
    started_ms, ended_ms = meeting_bounds(events)
    lecturer = meeting.lecturer_member_id
    return {
        "meeting_id": meeting.id,
        "title": meeting.title,
        "type": meeting.type,
        "ordinal": meeting.ordinal,
        "year": meeting.year,
        "place": meeting.place,
        "organisation_id": organisation.id,
        "organisation_name": organisation.name,
        "organisation_short_name": organisation.short_name,
        "host_member_id": meeting.host_member_id,
        "host_name": context.names.get(meeting.host_member_id, ""),
        "recorder_member_id": meeting.recorder_member_id,
        "recorder_name": context.names.get(meeting.recorder_member_id, ""),
        "lecturer_name": context.names.get(lecturer, "") if lecturer else None,
        "scheduled_start_ms": meeting.start_ms,
        "scheduled_end_ms": meeting.end_ms,
        "started_ms": started_ms,
        "ended_ms": ended_ms,
        "utc_offset_minutes": utc_offset_minutes(context.settings),
    }


def _counts(rows: list[Attendance]) -> dict[str, int]:
    counts = {
        "expected": len(rows),
        "present": sum(row.attended for row in rows),
        "expected_voting": sum(row.member.has_vote for row in rows),
        "present_voting": sum(row.attended and row.member.has_vote for row in rows),
    }
    for state in (AttendanceState.LATE, AttendanceState.LEFT_EARLY, AttendanceState.LEAVE, AttendanceState.ABSENT):
        counts[state.value] = sum(row.state is state for row in rows)
    return counts


def _row(row: Attendance, names: Mapping[str, str]) -> dict[str, Any]:
    member = row.member
    return {
        "member_id": member.member_id,
        "name": member.name,
        "status": member.status,
        "role": member.role,
        "group": member.group,
        "has_vote": member.has_vote,
        "state": row.state.value,
        "signed_in_ms": row.signed_in_ms,
        "sign_in_method": row.sign_in_method,
        "signed_in_by": row.signed_in_by,
        "signed_in_by_name": names.get(row.signed_in_by, "") if row.signed_in_by else None,
        "mode": _mode(row),
        "presence": [list(span) for span in row.presence],
        "joined_ms": row.joined_ms,
        "left_ms": row.left_ms,
        "online_ms": row.online_ms,
        "late_ms": row.late_ms,
        "early_ms": row.early_ms,
        "leave_reason": member.leave_reason,
        "leave_approved_by_name": names.get(member.leave_approved_by, "") if member.leave_approved_by else None,
    }


def _reduced(row: Attendance, low: Mapping[str, Reduced]) -> dict[str, Any]:
    """Only where there is something to say, so that older entries keep their bytes."""
    times = low.get(row.member.member_id)
    return {"reduced_ms": times} if times else {}


def _mode(row: Attendance) -> str | None:
    """Who was ticked without ever joining sat in the room of somebody who did."""
    if row.presence:
        return "site" if row.device == "site" else "online"
    return "onsite" if row.signed_in_ms is not None else None


def _recording(events: list[LoggedEvent]) -> dict[str, Any] | None:
    """The last recording that the log knows as finished; its segments' hashes stand in the log itself."""
    finished = next((event for event in reversed(events) if event.type == "recording_finished"), None)
    if finished is None:
        return None
    payload: dict[str, Any] = json.loads(finished.payload)
    return {key: payload[key] for key in ("recording_id", "origin_ms", "duration_ms", "gaps")}
