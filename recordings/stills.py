"""The newest keyframe of a recording's program as a JPEG: made only when somebody asks, at most every two seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from recordings.codecs.jpeg import Jpeg, Keyframe, make_jpeg
from recordings.control import StillTaken

EVERY_S = 2.0


class Stills:
    """Of one recording. An unchanged slide keeps its tag, so that whoever has it fetches nothing."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.decoded = 0
        self._monotonic = monotonic
        self._making = asyncio.Lock()
        self._source: Keyframe | None = None
        self._made_s = 0.0
        self._jpeg: Jpeg | None = None

    async def take(self, keyframe: Keyframe | None, known: str | None) -> StillTaken:
        """``keyframe`` is what the program shows now, ``known`` the tag that the asking side has."""
        if keyframe is None:
            self._source = self._jpeg = None  # what was shown before a pause is not shown in it
            return StillTaken()
        async with self._making:
            await self._update(keyframe)
            jpeg = self._jpeg
        if jpeg is None:
            return StillTaken()
        return StillTaken(etag=jpeg.etag, jpeg=None if jpeg.etag == known else jpeg.data)

    async def _update(self, keyframe: Keyframe) -> None:
        now_s = self._monotonic()
        if keyframe is self._source or (self._source is not None and now_s - self._made_s < EVERY_S):
            return
        self._source, self._made_s = keyframe, now_s
        self.decoded += 1
        made = await asyncio.to_thread(make_jpeg, keyframe)
        if made is not None and not (self._jpeg is not None and made.shows_the_same(self._jpeg)):
            self._jpeg = made
