"""Ranks microphones by smoothed level (RFC 6464: 0 is loudest, 127 is silence). Pure; time comes in.

Sticky: who is on the floor leaves it only when another is clearly louder for a while: a cough does not take the stage.
"""

from __future__ import annotations

SPEAKING = 127 - 50  # loudness above which somebody counts as speaking: about -50 dBov
HOLD_S = 1.5  # a speaker keeps the mark through the pauses between words
ATTACK, DECAY = 0.35, 0.12  # weights of a new level when it is louder and when it is softer
MARGIN = 6  # dB by which another must be louder to pass somebody
STALE_S = 0.6  # DTX sends at least every 400 ms
PASS_S = 0.5  # for so long another must be louder than somebody who is speaking: longer than a cough
TALKING_S = 0.3  # a syllable ago


class _Voice:
    __slots__ = ("ahead_since", "heard_at", "loudness", "spoke_at")

    def __init__(self) -> None:
        self.loudness = 0.0
        self.heard_at = self.spoke_at = float("-inf")
        self.ahead_since: float | None = None  # louder than the one before it in the order


class ActiveSpeakers:
    """Levels in, an order of participants out."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._order: list[str] = []

    def hear(self, participant_id: str, level: int, now: float) -> None:
        """One packet's level."""
        voice = self._voices.get(participant_id)
        if voice is None:
            voice = self._voices[participant_id] = _Voice()
            self._order.append(participant_id)
        loudness = 127 - level
        voice.loudness += (loudness - voice.loudness) * (ATTACK if loudness > voice.loudness else DECAY)
        voice.heard_at = now
        if voice.loudness >= SPEAKING:
            voice.spoke_at = now

    def forget(self, participant_id: str) -> None:
        if self._voices.pop(participant_id, None) is not None:
            self._order.remove(participant_id)

    def ranking(self, now: float) -> tuple[str, ...]:
        """All voices, the most important first. The order of the last call is kept where levels are close."""
        score = {id_: self._score(voice, now) for id_, voice in self._voices.items()}
        order = self._order
        # Insertion sort: nearly sorted, and a neighbour is passed only by a margin.
        for index in range(1, len(order)):
            at = index
            while at and self._passes(order[at], order[at - 1], score, now):
                order[at], order[at - 1] = order[at - 1], order[at]
                at -= 1
        return tuple(order)

    def speakers(self, now: float, limit: int = 3) -> tuple[str, ...]:
        """Those who speak, at most ``limit``."""
        speaking = [id_ for id_ in self.ranking(now) if now - self._voices[id_].spoke_at <= HOLD_S]
        return tuple(speaking[:limit])

    def _passes(self, id_: str, before: str, score: dict[str, float], now: float) -> bool:
        """Whether somebody is clearly louder than the one before him, and was for a while if that one is talking."""
        voice = self._voices[id_]
        if score[id_] <= score[before] + MARGIN:
            voice.ahead_since = None
            return False
        if now - self._voices[before].spoke_at > TALKING_S:
            return True
        if voice.ahead_since is None:
            voice.ahead_since = now
        if now - voice.ahead_since < PASS_S:
            return False
        voice.ahead_since = None
        return True

    @staticmethod
    def _score(voice: _Voice, now: float) -> float:
        if now - voice.spoke_at <= HOLD_S:
            return 1000 + voice.loudness
        return voice.loudness if now - voice.heard_at <= STALE_S else 0.0
