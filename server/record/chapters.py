"""Agenda times and replay chapters from the log. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from server.meeting_log.types import LoggedEvent


def agenda_times(events: Iterable[LoggedEvent], items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The agenda as planned, each item with ``spans`` [[start_ms, end_ms]…] in which it was discussed."""
    spans = _spans(events)
    return [
        {
            "item_id": item["item_id"],
            "title": item["title"],
            "planned_minutes": item.get("planned_minutes"),
            "spans": [list(span) for span in spans.get(item["item_id"], [])],
        }
        for item in items
    ]


def _spans(events: Iterable[LoggedEvent]) -> dict[str, list[tuple[int, int]]]:
    spans: dict[str, list[tuple[int, int]]] = {}
    current: str | None = None
    since_ms = last_ms = 0
    for event in events:
        last_ms = max(last_ms, event.at_ms)
        if event.type not in ("agenda_moved", "meeting_ended"):
            continue
        if current is not None:
            spans.setdefault(current, []).append((since_ms, event.at_ms))
        current = json.loads(event.payload)["item_id"] if event.type == "agenda_moved" else None
        since_ms = event.at_ms
    if current is not None:
        spans.setdefault(current, []).append((since_ms, last_ms))
    return spans


def chapters(agenda: Iterable[Mapping[str, Any]], origin_ms: int, duration_ms: int) -> list[tuple[str, int, int]]:
    """(title, start, end) on the recording's timeline, in order; what lies outside of the recording is cut off."""
    found = []
    for item in agenda:
        for start_ms, end_ms in item["spans"]:
            start, end = max(start_ms - origin_ms, 0), min(end_ms - origin_ms, duration_ms)
            if start < end:
                found.append((item["title"], start, end))
    return sorted(found, key=lambda chapter: chapter[1:])
