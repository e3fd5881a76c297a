"""Whom a room hears: who speaks, and whose sound goes into everybody's slots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from media.audio.active_speaker import ActiveSpeakers

if TYPE_CHECKING:
    from media.publication import Publication

HEARD = 16  # a change of the order below this place moves no slot


class Hearing:
    """``speakers`` are ids of participants, ``heard`` ids of publications; both the most important first."""

    def __init__(self) -> None:
        self.speakers: tuple[str, ...] = ()
        self.heard: tuple[str, ...] = ()
        self._voices = ActiveSpeakers()

    def hear(self, participant_id: str, level: int, now: float) -> None:
        """One microphone packet's level (RFC 6464)."""
        self._voices.hear(participant_id, level, now)

    def forget(self, participant_id: str) -> None:
        self._voices.forget(participant_id)

    def tick(self, now: float) -> bool:
        """Whether others speak than before."""
        before, self.speakers = self.speakers, self._voices.speakers(now)
        return before != self.speakers

    def point(self, flowing: Iterable[Publication], now: float) -> bool:
        """Whether others are to be heard than before."""
        before, self.heard = self.heard, self.audible(flowing, now)
        return before != self.heard

    def audible(self, flowing: Iterable[Publication], now: float) -> tuple[str, ...]:
        """Publications as they are to be heard: shared sound, who speaks, who sends no levels, who is silent.

        Encoders send none; behind three silent microphones the hall would never be heard.
        """
        sounds = [item for item in flowing if item.kind == "audio"]
        shared = [item.id for item in sounds if item.source == "screen_audio"]
        voices = {item.participant_id: item.id for item in sounds if item.source == "microphone"}
        speakers = self._voices.speakers(now, HEARD)
        speaking = [voices.pop(id_) for id_ in speakers if id_ in voices]
        silent = [voices.pop(id_) for id_ in self._voices.ranking(now) if id_ in voices]
        return (*shared, *speaking, *voices.values(), *silent)[:HEARD]
