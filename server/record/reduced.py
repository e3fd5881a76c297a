"""For how long each member was served less than everything: on which rung of the low-bandwidth ladder, from the log.

Pure. A rung holds from its change to the next one, to the end of the seat, or to the end of the meeting.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from server.makeup.intervals import Span, clipped, total
from server.meeting_log.types import LoggedEvent
from server.protocol.models import QualityLevel

Reduced = dict[str, int]  # rung → milliseconds


@dataclass(slots=True)
class _Ladder:
    """One seat while the events are read."""

    member_id: str
    level: str = QualityLevel.FULL.value
    since_ms: int = 0
    spans: dict[str, list[Span]] = field(default_factory=dict)

    def move(self, level: str, at_ms: int) -> None:
        if self.level != QualityLevel.FULL:
            self.spans.setdefault(self.level, []).append((self.since_ms, at_ms))
        self.level, self.since_ms = level, at_ms


def reduced(events: Iterable[LoggedEvent], start_ms: int, end_ms: int) -> dict[str, Reduced]:
    """Member → the time within the meeting on each rung below the first. Who had everything is not in it."""
    seats: dict[str, _Ladder] = {}
    for event in events:
        _read(seats, event)
    found: dict[str, Reduced] = {}
    for seat in seats.values():
        seat.move(QualityLevel.FULL.value, end_ms)
        times = {level: total(clipped(spans, start_ms, end_ms)) for level, spans in seat.spans.items()}
        if kept := {level: ms for level, ms in times.items() if ms > 0}:
            found[seat.member_id] = kept
    return found


def _read(seats: dict[str, _Ladder], event: LoggedEvent) -> None:
    if event.type not in ("joined", "left", "quality_changed", "meeting_interrupted"):
        return
    payload = json.loads(event.payload)
    if event.type == "meeting_interrupted":
        for seat in seats.values():
            seat.move(QualityLevel.FULL.value, payload["since_ms"])
        return
    participant_id = payload["participant_id"]
    if event.type == "joined":
        seats.setdefault(participant_id, _Ladder(payload["member_id"]))
    elif event.type == "quality_changed" and participant_id in seats:
        seats[participant_id].move(payload["level"], event.at_ms)
    elif event.type == "left" and payload["reason"] != "replaced" and participant_id in seats:
        seats[participant_id].move(QualityLevel.FULL.value, event.at_ms)
