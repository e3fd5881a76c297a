"""What an export is made of and what comes out. Shared words and cleaning; knows neither openpyxl nor python-docx."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.protocol.http import Proof
from server.record.local_time import date_digits

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

TYPE_WORDS = {
    "general_meeting": "党员大会",
    "committee_meeting": "支部委员会会议",
    "group_meeting": "党小组会",
    "party_lesson": "党课",
    "theme_day": "主题党日",
    "org_life_meeting": "组织生活会",
    "member_appraisal": "民主评议党员",
}
STATUS_WORDS = {"full": "正式", "probationary": "预备", "activist": "积极分子", "mass": "群众"}
STATE_WORDS = {"present": "出席", "late": "迟到", "left_early": "早退", "leave": "请假", "absent": "缺席"}
MODE_WORDS = {"online": "线上", "onsite": "现场", "site": "点位"}

# Characters that XML 1.0 §2.2 cannot hold, and lone surrogates.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]+')


@dataclass(frozen=True, slots=True)
class ExportSource:
    """A ledger entry as exports see it. ``signatures``: (role, name, time) of the present version."""

    facts: Mapping[str, Any]
    minutes: Mapping[str, Any]
    version: int
    signatures: tuple[tuple[str, str, int], ...]
    makeup_done: Mapping[str, int | None]  # member → when; only those who owe
    recorded_ms: int
    proof: Proof
    made_ms: int

    @property
    def meeting(self) -> Mapping[str, Any]:
        meeting: Mapping[str, Any] = self.facts["meeting"]
        return meeting

    @property
    def offset(self) -> int:
        """Minutes of the organisation's local time before UTC."""
        return int(self.meeting["utc_offset_minutes"])

    @property
    def start_ms(self) -> int:
        return int(self.meeting["started_ms"] or self.meeting["scheduled_start_ms"])

    @property
    def end_ms(self) -> int:
        return int(self.meeting["ended_ms"] or self.meeting["scheduled_end_ms"])

    @property
    def title(self) -> str:
        """2026年第一党支部第11次党课"""
        meeting = self.meeting
        word = TYPE_WORDS.get(meeting["type"], meeting["type"])
        return f"{meeting['year']}年{plain(meeting['organisation_name'])}第{meeting['ordinal']}次{word}"

    @property
    def proof_line(self) -> str:
        """Printed in every footer: it names the head of the log that the document was made from."""
        return f"校验码 {self.proof.check_code}（会议日志第 {self.proof.events} 条，记录第 {self.version} 版）"

    def absence_reason(self, row: Mapping[str, Any]) -> str | None:
        """Leave given before the meeting, or the reason that the recorder entered after it."""
        reason: str | None = row["leave_reason"] or self.minutes["absence_reasons"].get(row["member_id"])
        return reason


@dataclass(frozen=True, slots=True)
class ExportFile:
    name: str
    content_type: str
    body: bytes


def file_name(source: ExportSource, kind: str, extension: str) -> str:
    """{支部简称}_{会议类型}_{YYYYMMDD}_第{n}次_{会议记录|签到表}.{docx|xlsx} (domain.md §3.3)."""
    meeting = source.meeting
    branch = _NOT_IN_NAMES.sub("", plain(meeting["organisation_short_name"])).strip(". ")
    word = TYPE_WORDS.get(meeting["type"], meeting["type"])
    day = date_digits(source.start_ms, source.offset)
    return f"{branch}_{word}_{day}_第{meeting['ordinal']}次_{kind}.{extension}"


def plain(text: str) -> str:
    """Without the characters that no XML document can hold: an export never fails for what somebody pasted."""
    return _NOT_XML.sub("", text)
