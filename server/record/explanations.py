"""Why a member stands on the roll as he does: the rule's result in one sentence, in Chinese or English. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from server.protocol.http import AttendanceState
from server.record.local_time import clock_text
from server.record.rules import MINUTE_MS, PresenceRule

Language = Literal["zh", "en"]

LEAVE_WORDS: dict[str, tuple[str, str]] = {
    "sick": ("病假", "sick leave"),
    "personal": ("事假", "personal leave"),
    "duty_travel": ("出差", "duty travel"),
    "training": ("培训", "training"),
    "care": ("照护家人", "family care"),
    "other": ("其他", "other reasons"),
}
_RUNGS: dict[str, tuple[str, str]] = {
    "stage": ("只有主画面", "with the main picture only"),
    "stills": ("只有静止画面", "with still pictures only"),
    "audio": ("仅收听声音", "with sound only"),
    "text": ("只有文字", "with text only"),
}
REASON_CODES = frozenset(LEAVE_WORDS)


def leave_word(reason: str, language: Language = "zh") -> str:
    """The reason class in words; free text of older records as it stands."""
    words = LEAVE_WORDS.get(reason)
    return reason if words is None else words[language == "en"]


def explanation(row: Mapping[str, Any], rule: PresenceRule, offset_minutes: int, language: Language = "zh") -> str:
    """``row``: one attendance row of the facts."""
    return (_english if language == "en" else _chinese)(row, rule, offset_minutes)


def _chinese(row: Mapping[str, Any], rule: PresenceRule, offset: int) -> str:
    online_for = _chinese_span(row["online_ms"])
    if row["signed_in_ms"] is None:
        online = f"在线{online_for}，但未签到" if row["presence"] else "未入会，也未签到"
        if row["state"] == AttendanceState.LEAVE:
            return f"会前已请假（{leave_word(row['leave_reason'])}），计为请假"
        return f"{online}，计为缺席"
    by = f"由{row['signed_in_by_name']}代录签到" if row["sign_in_method"] == "proxy" else "本人签到"
    parts = [f"{clock_text(row['signed_in_ms'], offset)} {by}"]
    parts.append(f"在线{online_for}{_chinese_reduced(row)}" if row["presence"] else "在现场参加")
    if row["late_ms"] > rule.late_after_ms:
        parts.append(
            f"签到晚于开会{row['late_ms'] // MINUTE_MS}分钟（规定不超过{rule.late_after_ms // MINUTE_MS}分钟）"
        )
    if row["early_ms"] > rule.early_before_ms:
        parts.append(
            f"比散会早走{row['early_ms'] // MINUTE_MS}分钟（规定不超过{rule.early_before_ms // MINUTE_MS}分钟）"
        )
    word = {AttendanceState.LATE: "迟到", AttendanceState.LEFT_EARLY: "早退"}.get(row["state"], "出席")
    return "，".join([*parts, f"计为{word}"])


def _english(row: Mapping[str, Any], rule: PresenceRule, offset: int) -> str:
    online_for = _english_span(row["online_ms"])
    if row["signed_in_ms"] is None:
        if row["state"] == AttendanceState.LEAVE:
            return f"Asked for leave beforehand ({leave_word(row['leave_reason'], 'en')}): on leave."
        online = f"Online for {online_for} but did not sign in" if row["presence"] else "Neither joined nor signed in"
        return f"{online}: absent."
    by = f"signed in by {row['signed_in_by_name']}" if row["sign_in_method"] == "proxy" else "signed in"
    parts = [f"{by} at {clock_text(row['signed_in_ms'], offset)}"]
    parts.append(f"online for {online_for}{_english_reduced(row)}" if row["presence"] else "attended on site")
    if row["late_ms"] > rule.late_after_ms:
        allowed = rule.late_after_ms // MINUTE_MS
        parts.append(f"signed in {row['late_ms'] // MINUTE_MS} min after the start (allowed: {allowed})")
    if row["early_ms"] > rule.early_before_ms:
        allowed = rule.early_before_ms // MINUTE_MS
        parts.append(f"left {row['early_ms'] // MINUTE_MS} min before the end (allowed: {allowed})")
    word = {AttendanceState.LATE: "late", AttendanceState.LEFT_EARLY: "left early"}.get(row["state"], "present")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}: {word}."


def _reduced(row: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """What lasted a minute or longer, the best rung first."""
    times = row.get("reduced_ms", {})
    return [(*words, times[rung]) for rung, words in _RUNGS.items() if times.get(rung, 0) >= MINUTE_MS]


def _chinese_reduced(row: Mapping[str, Any]) -> str:
    said = "、".join(f"{_chinese_span(ms)}{chinese}" for chinese, _, ms in _reduced(row))
    return f"（因网络或自选，其中{said}）" if said else ""


def _english_reduced(row: Mapping[str, Any]) -> str:
    said = ", ".join(f"{_english_span(ms)} {english}" for _, english, ms in _reduced(row))
    return f" ({said}, for the network or by choice)" if said else ""


def _chinese_span(ms: int) -> str:
    return f"{ms // MINUTE_MS}分钟" if ms >= MINUTE_MS else f"{ms // 1000}秒"


def _english_span(ms: int) -> str:
    return f"{ms // MINUTE_MS} min" if ms >= MINUTE_MS else f"{ms // 1000} s"
