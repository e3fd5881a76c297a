"""The newest picture of a program, asked from its recorder at most once a second, however many want it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from recordings.control import StillTaken
from server.clock import Clock
from server.telemetry.counters import count
from server.workers.link import WorkerCallError

KEPT_MS = 1_000
MAX_RECORDINGS = 200


class Still(NamedTuple):
    etag: str
    jpeg: bytes


class StillSource(Protocol):
    """The recorders. Raises WorkerCallError."""

    async def still(self, recording_id: str, known: str | None) -> StillTaken: ...


@dataclass(slots=True)
class _Newest:
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    still: Still | None = None
    asked_ms: int | None = None


class LiveStills:
    def __init__(self, source: StillSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._newest: OrderedDict[str, _Newest] = OrderedDict()

    async def newest(self, recording_id: str) -> Still | None:
        """None: nobody sends a picture, a pause, or no recorder answers."""
        mine = self._newest.setdefault(recording_id, _Newest())
        self._newest.move_to_end(recording_id)
        if len(self._newest) > MAX_RECORDINGS:
            self._newest.popitem(last=False)
        async with mine.asking:
            if mine.asked_ms is None or self._clock.monotonic_ms() - mine.asked_ms >= KEPT_MS:
                mine.still = await self._ask(recording_id, mine.still)
                mine.asked_ms = self._clock.monotonic_ms()
            return mine.still

    async def _ask(self, recording_id: str, known: Still | None) -> Still | None:
        try:
            taken = await self._source.still(recording_id, known.etag if known else None)
        except WorkerCallError:
            count("stills_not_answered")
            return None
        if taken.etag is None:
            return None
        if taken.jpeg is None:
            return known if known is not None and known.etag == taken.etag else None
        return Still(taken.etag, taken.jpeg)
