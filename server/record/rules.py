"""The rules that the record and make-up viewing apply, with their defaults; an organisation's settings override them.

Settings of the nearest organisation up the tree win, key by key: ``presence_rule``, ``watch_rule``, ``makeup_rule``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

MINUTE_MS = 60_000
DAY_MS = 86_400_000

# China has had one time zone without summer time since 1991; an organisation elsewhere sets its own offset.
DEFAULT_UTC_OFFSET_MINUTES = 480


@dataclass(frozen=True, slots=True)
class PresenceRule:
    """Who was there. No central text gives minutes (domain.md §2.2): these are our settings."""

    late_after_ms: int = 10 * MINUTE_MS  # signed in later than this after the start: late
    early_before_ms: int = 10 * MINUTE_MS  # left for good earlier than this before the end: left early
    bridge_ms: int = MINUTE_MS  # an absence this short is a reconnect


@dataclass(frozen=True, slots=True)
class WatchCreditRule:
    """What counts as watched (recording.md §5)."""

    share_percent: int = 95
    max_rate: float = 1.5
    prompt_after_min_ms: int = 8 * MINUTE_MS
    prompt_after_max_ms: int = 15 * MINUTE_MS
    prompt_answer_ms: int = MINUTE_MS


@dataclass(frozen=True, slots=True)
class MakeupRule:
    """Which meetings are made up for, and until when. Committee and criticism meetings cannot be replayed (§2.6)."""

    types: tuple[str, ...] = ("general_meeting", "group_meeting", "party_lesson", "theme_day")
    due_days: int = 14


R = TypeVar("R", PresenceRule, WatchCreditRule, MakeupRule)

_KEYS: dict[type[Any], str] = {
    PresenceRule: "presence_rule",
    WatchCreditRule: "watch_rule",
    MakeupRule: "makeup_rule",
}


def rule_of(kind: type[R], settings_upwards: Iterable[Mapping[str, Any]]) -> R:
    """``settings_upwards``: of the organisation, of its parent, and so on. Unknown keys are ignored."""
    known = {field.name for field in fields(kind)}
    values: dict[str, Any] = {}
    for settings in settings_upwards:
        for name, value in (settings.get(_KEYS[kind]) or {}).items():
            if name in known:
                values.setdefault(name, tuple(value) if isinstance(value, list) else value)
    return kind(**values)


def utc_offset_minutes(settings_upwards: Iterable[Mapping[str, Any]]) -> int:
    """Of the organisation's local time."""
    for settings in settings_upwards:
        if "utc_offset_minutes" in settings:
            return int(settings["utc_offset_minutes"])
    return DEFAULT_UTC_OFFSET_MINUTES
