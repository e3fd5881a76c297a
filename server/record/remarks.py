"""Remarks and spoken turns, read from the log in their order. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from server.meeting_log.types import LoggedEvent


def remarks(events: Iterable[LoggedEvent], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Text remarks and turns on the floor (``until_ms`` when they ended), each with its agenda item if one was open."""
    found: dict[str, dict[str, Any]] = {}
    item_id: str | None = None
    for event in events:
        payload = json.loads(event.payload)
        match event.type:
            case "agenda_moved":
                item_id = payload["item_id"]
            case "remark" | "floor_given":
                found[payload["remark_id"]] = _remark(event, payload, item_id, names)
            case "floor_ended" if payload["remark_id"] in found:
                found[payload["remark_id"]]["until_ms"] = event.at_ms
            case "meeting_ended":
                _end_turns(found.values(), event.at_ms)
    return list(found.values())


def _remark(
    event: LoggedEvent, payload: Mapping[str, Any], item_id: str | None, names: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "remark_id": payload["remark_id"],
        "participant_id": payload["participant_id"],
        "member_id": payload["member_id"],
        "name": names.get(payload["member_id"], ""),
        "kind": "text" if event.type == "remark" else "spoken",
        "text": payload.get("text", ""),
        "at_ms": event.at_ms,
        "until_ms": None,
        "agenda_item_id": payload.get("agenda_item_id", item_id),
    }


def _end_turns(found: Iterable[dict[str, Any]], at_ms: int) -> None:
    for remark in found:
        if remark["kind"] == "spoken" and remark["until_ms"] is None:
            remark["until_ms"] = at_ms
