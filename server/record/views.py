"""Ledger entries as the API shows them. Pure: from loaded rows to messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from server.auth.actor import Actor
from server.auth.rights import Action, can
from server.meeting_log.types import LoggedEvent
from server.protocol.http import (
    AgendaRecord,
    AttendanceRow,
    AttendanceState,
    LedgerEntry,
    LedgerRow,
    LedgerState,
    Proof,
    SignatureInfo,
)
from server.protocol.models import MeetingType, RecordingInfo, RemarkInfo
from server.record.entries import Entry, EntryLine
from server.record.explanations import Language, explanation
from server.record.minutes import missing_in
from server.record.rules import PresenceRule
from server.record.verify_offline import GENESIS, check_code
from server.storage.models import LedgerEntryRow, Meeting, Organisation, Recording
from server.storage.organisations import organisation_ref

SignRole = Literal["recorder", "host"]


def ledger_row(line: EntryLine) -> LedgerRow:
    return _row(line.row, line.meeting, line.organisation, line.signed_roles)


def _row(entry: LedgerEntryRow, meeting: Meeting, organisation: Organisation, signed: frozenset[str]) -> LedgerRow:
    return LedgerRow(
        entry_id=entry.id,
        meeting_id=meeting.id,
        title=meeting.title,
        type=MeetingType(meeting.type),
        ordinal=meeting.ordinal,
        organisation=organisation_ref(organisation),
        start_ms=entry.facts["meeting"]["started_ms"] or meeting.start_ms,
        end_ms=entry.facts["meeting"]["ended_ms"] or meeting.end_ms,
        expected=entry.expected,
        present=entry.present,
        state=LedgerState(entry.state),
        missing=tuple(missing(entry, signed)),
    )


def missing(entry: LedgerEntryRow, signed: frozenset[str]) -> list[str]:
    """Codes of what the entry still lacks, in the order in which it is done."""
    codes = missing_in(entry.minutes, entry.facts)
    codes += [f"{role}_signature" for role in ("recorder", "host") if role not in signed]
    return codes


def sign_role(entry: Entry, member_id: str) -> SignRole | None:
    """The signature that this member may give now: the recorder's first, then the host's."""
    meeting = entry.context.meeting
    if "recorder" not in entry.signed_roles:
        return "recorder" if member_id == meeting.recorder_member_id else None
    if "host" not in entry.signed_roles:
        return "host" if member_id == meeting.host_member_id else None
    return None


def ledger_entry(entry: Entry, proof: Proof, actor: Actor, language: Language) -> LedgerEntry:
    facts, minutes, meeting = entry.facts, entry.row.minutes, entry.facts["meeting"]
    context = entry.context
    return LedgerEntry(
        row=_row(entry.row, context.meeting, context.organisation, entry.signed_roles),
        place=meeting["place"],
        host_name=meeting["host_name"],
        recorder_name=meeting["recorder_name"],
        lecturer_name=meeting["lecturer_name"],
        expected_voting=facts["counts"]["expected_voting"],
        present_voting=facts["counts"]["present_voting"],
        attendance=tuple(_attendance_row(entry, row, language) for row in facts["attendance"]),
        observers=tuple(observer["name"] for observer in facts["observers"]),
        agenda=tuple(_agenda_record(item, facts["remarks"], minutes["texts"]) for item in facts["agenda"]),
        other_remarks=tuple(remark_info(remark) for remark in other_remarks(facts)),
        summary=minutes["summary"],
        recording=recording_info(entry.recording),
        recording_duration_ms=entry.recorded_ms,
        signatures=tuple(signature_infos(entry)),
        proof=proof,
        can_edit=can(actor, Action.KEEP_RECORD, context.target),
        can_sign=sign_role(entry, actor.member_id),
        version=entry.row.version,
    )


def _attendance_row(entry: Entry, row: Mapping[str, Any], language: Language) -> AttendanceRow:
    task = entry.tasks.get(row["member_id"])
    given = entry.row.minutes["absence_reasons"].get(row["member_id"])
    offset = entry.facts["meeting"]["utc_offset_minutes"]
    return AttendanceRow(
        member_id=row["member_id"],
        name=row["name"],
        status=row["status"],
        group=row["group"],
        has_vote=row["has_vote"],
        state=AttendanceState(row["state"]),
        signed_in_ms=row["signed_in_ms"],
        sign_in_method=row["sign_in_method"],
        signed_in_by=row["signed_in_by_name"],
        mode=row["mode"],
        joined_ms=row["joined_ms"],
        left_ms=row["left_ms"],
        online_ms=row["online_ms"],
        leave_reason=row["leave_reason"] or given,
        makeup_done_ms=task.done_ms if task else None,
        explanation=explanation(row, PresenceRule(**entry.facts["rule"]), offset, language),
    )


def _agenda_record(
    item: Mapping[str, Any], remarks: Iterable[Mapping[str, Any]], texts: Mapping[str, str]
) -> AgendaRecord:
    spans = item["spans"]
    return AgendaRecord(
        item_id=item["item_id"],
        title=item["title"],
        started_ms=spans[0][0] if spans else None,
        ended_ms=spans[-1][1] if spans else None,
        remarks=tuple(remark_info(r) for r in remarks if r["agenda_item_id"] == item["item_id"]),
        text=texts.get(item["item_id"], ""),
    )


def other_remarks(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Remarks made while no agenda item was open."""
    items = {item["item_id"] for item in facts["agenda"]}
    return [remark for remark in facts["remarks"] if remark["agenda_item_id"] not in items]


def remark_info(remark: Mapping[str, Any]) -> RemarkInfo:
    return RemarkInfo(**{key: value for key, value in remark.items() if key != "agenda_item_id"})


def signature_infos(entry: Entry) -> list[SignatureInfo]:
    return [
        SignatureInfo(
            role="host" if signature.role == "host" else "recorder",
            member_id=signature.member_id,
            name=entry.names.get(signature.member_id, ""),
            signed_ms=signature.signed_ms,
        )
        for signature in entry.signatures
    ]


def recording_info(recording: Recording | None) -> RecordingInfo:
    if recording is None:
        return RecordingInfo(recording_id=None, state="off")
    return RecordingInfo(
        recording_id=recording.id, state=recording.state, since_ms=recording.origin_ms, code=recording.code
    )


def proof_of(events: list[LoggedEvent], verified: bool) -> Proof:
    head = events[-1].hash if events else GENESIS
    return Proof(events=len(events), head=head, check_code=check_code(head), verified=verified)
