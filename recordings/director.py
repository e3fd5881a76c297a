"""Chooses whose picture is on the program: screen > pinned lecturer > active speaker > any camera. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from media.tap import MAX_WATCHED

MAX_WATCHED_SPEAKERS = 3
SPEAKER_HOLD_US = 3_000_000
CAMERA_SILENT_US = 3_000_000
SCREEN_SILENT_US = 8_000_000  # a still screen is sent about once a second, some senders pause longer


class VideoSource(NamedTuple):
    """One video track as the director sees it."""

    number: int
    publication_id: str
    participant_id: str
    screen: bool
    last_packet_us: int

    def flowing(self, now_us: int) -> bool:
        return now_us - self.last_packet_us < (SCREEN_SILENT_US if self.screen else CAMERA_SILENT_US)


class Director:
    """Keeps the wanted source steady: one that only speaks must do so for three seconds to take the picture."""

    def __init__(self) -> None:
        self.stage: str | None = None
        self._speakers: tuple[str, ...] = ()
        self._leader: str | None = None
        self._leads_since_us = 0
        self._current: int | None = None
        self._publication: str | None = None  # of the current track: with another codec it is another track

    def hear(self, participant_ids: Iterable[str], now_us: int) -> None:
        """The room's active speakers, loudest first."""
        self._speakers = tuple(participant_ids)
        leader = self._speakers[0] if self._speakers else None
        if leader != self._leader:
            self._leader, self._leads_since_us = leader, now_us

    def snapshot(self) -> dict[str, Any]:
        return {"stage": self.stage, "speakers": list(self._speakers), "current": self._current}

    def restore(self, snapshot: dict[str, Any], now_us: int) -> None:
        self.stage, self._current = snapshot["stage"], snapshot["current"]
        self.hear(snapshot["speakers"], now_us)

    def choose(self, sources: Iterable[VideoSource], now_us: int) -> int | None:
        """Number of the track that should be seen now, None when nobody sends a picture."""
        flowing = [source for source in sources if source.flowing(now_us)]
        self._current = self._choose(flowing, now_us)
        chosen = next((source.publication_id for source in flowing if source.number == self._current), None)
        self._publication = chosen or self._publication
        return self._current

    def watch(self, sources: Iterable[VideoSource]) -> tuple[str, ...]:
        """Publications whose pictures are needed: what is shown, and what may be shown next. Others may rest.

        A speaker is named before the three seconds are over, so that the picture is there when it takes its turn.
        """
        known = sorted(sources, key=lambda source: source.number)
        cameras = {source.participant_id: source.publication_id for source in known if not source.screen}
        needed = [source.publication_id for source in known if source.screen]
        needed += [each for each in (self.stage, self._publication) if each is not None]
        needed += [cameras[each] for each in self._speakers[:MAX_WATCHED_SPEAKERS] if each in cameras]
        if not needed:
            needed = list(cameras.values())[:1]
        return tuple(dict.fromkeys(needed))[:MAX_WATCHED]

    def _choose(self, flowing: list[VideoSource], now_us: int) -> int | None:
        screens = [source for source in flowing if source.screen]
        if screens:
            return max(source.number for source in screens)  # the one that came last
        cameras = {source.participant_id: source for source in flowing}
        for source in flowing:
            if source.publication_id == self.stage:
                return source.number
        current = next((source for source in flowing if source.number == self._current), None) or next(
            (source for source in flowing if source.publication_id == self._publication), None
        )
        held = now_us - self._leads_since_us >= SPEAKER_HOLD_US
        if self._leader in cameras and (held or current is None):
            return cameras[self._leader].number
        speaking = next((cameras[each] for each in self._speakers if each in cameras), None)
        chosen = current or speaking or min(flowing, default=None, key=lambda source: source.number)
        return chosen.number if chosen else None
