"""Who has been given the floor (请发言): at most one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from server.protocol.models import FloorInfo


@dataclass(frozen=True, slots=True)
class Turn:
    """A spoken remark that goes on."""

    remark_id: str
    participant_id: str
    since_ms: int


class Floor:
    def __init__(self) -> None:
        self.turn: Turn | None = None

    def give(self, turn: Turn) -> None:
        self.turn = turn

    def end(self) -> None:
        self.turn = None

    def is_held_by(self, participant_id: str) -> bool:
        return self.turn is not None and self.turn.participant_id == participant_id

    def info(self) -> FloorInfo | None:
        return FloorInfo(participant_id=self.turn.participant_id, since_ms=self.turn.since_ms) if self.turn else None
