"""Viewers who look elsewhere and come back before the window opens, each at moments of his own.

A server lets a viewer change with a key frame and goes on with his numbers where they stood. What he missed of the one
camera and saw of the other is then in his numbering: who was away at other times is numbered otherwise. That is the
state of a hall whose viewers have changed layers one by one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.parent import Parent
from tests.bench.participant import Participant
from tests.bench.scenario import ASIDE, STAGE
from tests.bench.traffic import Lane, feed_of

# A server asks a camera for a key frame twice a second at most and looks every 50 ms whether one is due; the next frame
# follows within 40 ms. Those who ask within this time may change with the same one.
SHARED_KEYFRAME_S = 0.6
LEAVE_EVERY_S = 1 / 30
SHORTEST_S = 1.0  # so that everybody has seen the other picture before he goes back
PICTURE_TIMEOUT_S, LOOK_EVERY_S = 15.0, 0.02


@dataclass(frozen=True, slots=True)
class Absence:
    """When a viewer asks for the other picture and when for the first again, from the beginning of the stirring."""

    away_s: float
    back_s: float


def absences(viewers: int) -> list[Absence]:
    """Evenly spread; of those who may leave with the same key frame no two come back with the same one."""
    group = round(SHARED_KEYFRAME_S / LEAVE_EVERY_S)
    step_s = SHARED_KEYFRAME_S + LEAVE_EVERY_S
    found = []
    for number in range(viewers):
        away_s = number * LEAVE_EVERY_S
        # The later in a group, the shorter: so the next group's first does not come back with this one's last.
        found.append(Absence(away_s, away_s + SHORTEST_S + (group - 1 - number % group) * step_s))
    return found


async def stir(viewers: Sequence[Participant], parent: Parent) -> None:
    """Ends when all are back. Raises TimeoutError if a picture does not come, RefusedError or ConnectionError."""
    started_s = time.monotonic()
    plans = zip(viewers, absences(len(viewers)), strict=True)
    await asyncio.gather(*(_look_elsewhere(viewer, absence, started_s, parent) for viewer, absence in plans))
    for viewer in viewers:
        viewer.subscriber.forget()


async def _look_elsewhere(viewer: Participant, absence: Absence, started_s: float, parent: Parent) -> None:
    for person, at_s in ((ASIDE, absence.away_s), (STAGE, absence.back_s)):
        await asyncio.sleep(max(0.0, started_s + at_s - time.monotonic()))
        await viewer.look_at(parent, [person])
        await _until_shown(viewer, person)


async def _until_shown(viewer: Participant, person: int) -> None:
    """Until the first packet was decrypted that this one's camera sent."""
    deadline_s = time.monotonic() + PICTURE_TIMEOUT_S
    subscriber, feed = viewer.subscriber, feed_of(person, Lane.VIDEO)
    while not subscriber.carries(feed):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{viewer.id} did not get the picture of person {person}")
        subscriber.doubt()
        await asyncio.sleep(LOOK_EVERY_S)
