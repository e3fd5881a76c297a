"""Who is in the room of a run, what each one publishes and what each one looks at; pure and seeded."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.bench.traffic import BURST_MS, Lane, feed_of

AUDIO_SLOTS = 3
LESSON_BPS, MEETING_BPS, ASIDE_BPS = 1_500_000, 500_000, 100_000
STAGE, ASIDE = 0, 1  # who films what everybody looks at in the end, and who what is looked at in between


@dataclass(frozen=True, slots=True)
class Scenario:
    """Participants are numbered from 0: those who speak come first, then those who film, then the others."""

    name: str
    people: int
    microphones: int  # who publishes; those who do not speak send Opus' discontinuous transmission
    speakers: int
    cameras: int
    bitrate_bps: int  # of a camera
    viewers_from: int = 0  # who comes before publishes only
    shuffled: bool = False  # everybody arranges the pictures in another order
    burst_ms: int = BURST_MS  # of what is paced, at once
    aside_bps: int = 0  # of a second camera, at which everybody looks for a while before the window; 0: there is none

    @property
    def subscribers(self) -> int:
        return self.people - self.viewers_from

    @property
    def video_slots(self) -> int:
        """As the browser client: four at least."""
        return max(4, self.cameras)

    @property
    def is_stirred(self) -> bool:
        """Whether everybody looks elsewhere for a while before the window (``stirring``)."""
        return self.aside_bps > 0

    def publishes(self, person: int) -> bool:
        return self.has_microphone(person) or self.films(person)

    def has_microphone(self, person: int) -> bool:
        return person < self.microphones

    def speaks(self, person: int) -> bool:
        return person < self.speakers

    def films(self, person: int) -> bool:
        return person < self.cameras

    def bitrate_of(self, person: int) -> int:
        """Of this one's camera."""
        return self.aside_bps if self.is_stirred and person == ASIDE else self.bitrate_bps

    def views(self, person: int) -> bool:
        return person >= self.viewers_from

    def pictures(self, person: int) -> list[int]:
        """Whose pictures somebody looks at, in the order in which he asks for them."""
        if not self.views(person):
            return []
        if self.is_stirred:
            return [STAGE]
        shown = [other for other in range(self.cameras) if other != person]
        if self.shuffled:
            random.Random(person).shuffle(shown)
        return shown

    def expected(self, person: int) -> frozenset[int]:
        """The feeds that must arrive: the pictures, and those who speak."""
        if not self.views(person):
            return frozenset()
        heard = [other for other in range(self.speakers) if other != person][:AUDIO_SLOTS]
        pictures = [feed_of(other, Lane.VIDEO) for other in self.pictures(person)]
        return frozenset(pictures + [feed_of(other, Lane.AUDIO) for other in heard])


def lesson(subscribers: int, bitrate_bps: int = LESSON_BPS) -> Scenario:
    """One teacher, many who watch."""
    return Scenario("lesson", subscribers + 1, 1, 1, 1, bitrate_bps, viewers_from=1)


def stirred(subscribers: int, bitrate_bps: int = LESSON_BPS) -> Scenario:
    """A lesson whose viewers have looked elsewhere before, each at moments of his own."""
    return Scenario("stirred", subscribers + 2, 1, 1, 2, bitrate_bps, viewers_from=2, aside_bps=ASIDE_BPS)


def meeting(people: int, cameras: int, bitrate_bps: int = MEETING_BPS) -> Scenario:
    """Everybody has a microphone, three speak, the first ``cameras`` are seen by all, each in an order of his own."""
    return Scenario(
        f"meeting{people}", people, people, min(3, people), min(cameras, people), bitrate_bps, shuffled=True
    )
