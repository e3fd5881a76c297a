"""What people write into a ledger entry: texts per agenda item, a summary, reasons of absence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.http import AttendanceState, MinutesInput
from server.record.explanations import REASON_CODES

MAX_TEXT_LENGTH = 20_000
MISSING_ABSENCE_REASON = "absence_reason"
MISSING_MINUTES = "minutes"


def checked_minutes(given: MinutesInput, facts: Mapping[str, Any]) -> dict[str, Any]:
    """As they are stored. Raises AppError VALIDATION naming each field that does not fit the facts."""
    items = {item["item_id"] for item in facts["agenda"]}
    absent = {row["member_id"] for row in facts["attendance"] if _needs_reason(row)}
    wrong: dict[str, str] = {}
    for item_id, text in given.texts.items():
        if item_id not in items:
            wrong[f"texts.{item_id}"] = "unknown agenda item"
        elif len(text) > MAX_TEXT_LENGTH:
            wrong[f"texts.{item_id}"] = f"longer than {MAX_TEXT_LENGTH} characters"
    for member_id, reason in given.absence_reasons.items():
        if member_id not in absent:
            wrong[f"absence_reasons.{member_id}"] = "not an absent member of this meeting"
        elif reason and reason not in REASON_CODES:
            wrong[f"absence_reasons.{member_id}"] = f"not one of {', '.join(sorted(REASON_CODES))}"
    if wrong:
        raise AppError(ErrorCode.VALIDATION, "the minutes do not fit the meeting", fields=wrong)
    return {
        "texts": {item_id: text for item_id, text in given.texts.items() if text.strip()},
        "summary": given.summary,
        "absence_reasons": {member_id: reason for member_id, reason in given.absence_reasons.items() if reason},
    }


def missing_in(minutes: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Codes of what is still to be written, signatures apart."""
    codes = []
    given = minutes["absence_reasons"]
    if any(_needs_reason(row) and row["member_id"] not in given for row in facts["attendance"]):
        codes.append(MISSING_ABSENCE_REASON)
    if not minutes["texts"] and not minutes["summary"].strip():
        codes.append(MISSING_MINUTES)
    return codes


def _needs_reason(row: Mapping[str, Any]) -> bool:
    return bool(row["state"] == AttendanceState.ABSENT)
