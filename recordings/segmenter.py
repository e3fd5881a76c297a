"""Cuts samples of the program into segments: begins one at a keyframe, writes it when the next one begins.

Knows bytes and times, not where pictures come from or segments go.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from recordings.avc import ParameterSets, avcc, picture_size
from recordings.codecs.aac import AacFrame
from recordings.fmp4 import (
    AUDIO_TRACK,
    VIDEO_TIMESCALE,
    VIDEO_TRACK,
    AudioConfig,
    Sample,
    TrackRun,
    VideoConfig,
    write_init,
    write_segment,
)
from recordings.mixer import BLOCK, RATE

MIN_SEGMENT_TICKS = 2 * VIDEO_TIMESCALE
_MIN_SAMPLE_TICKS = VIDEO_TIMESCALE // 1000


class Position(NamedTuple):
    """Where the next segment begins: its number, its first video tick, its first audio sample."""

    segment: int = 0
    ticks: int = 0
    samples: int = 0


class ClosedSegment(NamedTuple):
    """``init`` is given with the first segment that needs it. ``next`` is where the following one begins."""

    number: int
    data: bytes
    init_name: str
    init: bytes | None
    start_ticks: int
    duration_ticks: int
    next: Position


class Segmenter:
    """``inits`` holds the names of init segments that are already written, by their SHA-256."""

    def __init__(
        self,
        position: Position,
        audio: AudioConfig,
        inits: Mapping[str, str],
        closed: Callable[[ClosedSegment], None],
    ) -> None:
        self.position = position
        self._audio = audio
        self._inits = dict(inits)
        self._closed = closed
        self._sets: ParameterSets | None = None
        self._pictures: list[tuple[int, bytes, bool]] = []
        self._sound: deque[AacFrame] = deque()

    @property
    def empty(self) -> bool:
        """Nothing is open: the next picture must be a keyframe and begins at ``position``."""
        return not self._pictures

    @property
    def last_ticks(self) -> int:
        return self._pictures[-1][0] if self._pictures else self.position.ticks

    def picture(self, ticks: int, sample: bytes, sets: ParameterSets | None) -> None:
        """The next picture; ``sets`` with keyframes only. All sound before ``ticks`` must have been given."""
        if self._pictures:
            ticks = max(ticks, self.last_ticks + _MIN_SAMPLE_TICKS)
            long_enough = ticks - self.position.ticks >= MIN_SEGMENT_TICKS
            if sets is not None and (sets != self._sets or long_enough):
                self.close(ticks)
        if not self._pictures:
            if sets is None:
                return
            self._sets, ticks = sets, self.position.ticks
        self._pictures.append((ticks, sample, sets is not None))

    def sound(self, frame: AacFrame) -> None:
        self._sound.append(frame)

    def close(self, end_ticks: int) -> None:
        """Ends the open segment at ``end_ticks``."""
        if not self._pictures or self._sets is None:
            return
        end_ticks = max(end_ticks, self.last_ticks + _MIN_SAMPLE_TICKS)
        ends = [ticks for ticks, _, _ in self._pictures[1:]] + [end_ticks]
        video = [
            Sample(data, end - ticks, keyframe)
            for (ticks, data, keyframe), end in zip(self._pictures, ends, strict=True)
        ]
        audio = self._sound_before(end_ticks * RATE // VIDEO_TIMESCALE)
        start, init_name, init = self.position, *self._init(self._sets)
        runs = [TrackRun(VIDEO_TRACK, start.ticks, video), TrackRun(AUDIO_TRACK, start.samples, audio)]
        data = write_segment(start.segment + 1, runs)
        self.position = Position(start.segment + 1, end_ticks, start.samples + BLOCK * len(audio))
        self._pictures = []
        length = end_ticks - start.ticks
        self._closed(ClosedSegment(start.segment, data, init_name, init, start.ticks, length, self.position))

    def _sound_before(self, samples: int) -> list[Sample]:
        taken: list[Sample] = []
        while self._sound and self._sound[0].position < samples:
            taken.append(Sample(self._sound.popleft().data, BLOCK))
        return taken

    def _init(self, sets: ParameterSets) -> tuple[str, bytes | None]:
        data = write_init(VideoConfig(avcc(sets), picture_size(sets.sps[0])), self._audio)
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 in self._inits:
            return self._inits[sha256], None
        name = self._inits[sha256] = f"init{len(self._inits)}.mp4"
        return name, data
