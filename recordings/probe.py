"""Looks at a finished recording as a player would: reads the playlist, decodes everything, tells what it found.

``python -m recordings.probe <store-url> <recording_id>`` prints the facts as JSON.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import av

from recordings.control import Gap
from recordings.errors import ObjectMissingError
from recordings.manifest import MANIFEST_NAME, PLAYLIST_NAME, Manifest, key_of
from recordings.mixer import RATE
from recordings.stores.base import ObjectStore
from recordings.stores.open import open_store

_MAP = re.compile(r'#EXT-X-MAP:URI="([^"]+)"')


class ProbedFrame(NamedTuple):
    """``luma`` is the mean brightness of the middle line, 0 to 255; ``rows`` are samples for marks in the picture."""

    time_s: float
    width: int
    height: int
    keyframe: bool
    luma: float
    top_line: bytes


class Probe(NamedTuple):
    """``sound`` begins at second 0 of the recording, 16-bit mono at 48 kHz."""

    playlist_s: float
    ended: bool
    segments: int
    inits: tuple[str, ...]
    discontinuities: int
    longest_segment_s: float
    frames: tuple[ProbedFrame, ...]
    sound: array[int]
    codecs: tuple[str, ...]
    damaged: int
    gaps: tuple[Gap, ...]

    def facts(self) -> dict[str, object]:
        """What is worth printing."""
        return {
            "duration_s": round(self.playlist_s, 3),
            "sound_s": round(len(self.sound) / RATE, 3),
            "ended": self.ended,
            "segments": self.segments,
            "longest_segment_s": round(self.longest_segment_s, 3),
            "inits": list(self.inits),
            "discontinuities": self.discontinuities,
            "frames": len(self.frames),
            "sizes": sorted({f"{frame.width}x{frame.height}" for frame in self.frames}),
            "codecs": list(self.codecs),
            "damaged": self.damaged,
            "gaps": [gap.model_dump() for gap in self.gaps],
        }


class _Run(NamedTuple):
    """Segments that one init describes."""

    init: str
    segments: list[str]


async def probe(store: ObjectStore, recording_id: str) -> Probe:
    """Decodes the whole recording. ObjectMissingError when its playlist names what is not there."""
    text = (await store.get(key_of(recording_id, PLAYLIST_NAME))).decode()
    lengths = [float(line[8:].rstrip(",")) for line in text.splitlines() if line.startswith("#EXTINF:")]
    runs = _read_runs(text)
    frames: list[ProbedFrame] = []
    sound = array("h")
    codecs: set[str] = set()
    damaged = 0
    for run in runs:
        parts = [await store.get(key_of(recording_id, name)) for name in (run.init, *run.segments)]
        damaged += await asyncio.to_thread(_decode, b"".join(parts), frames, sound, codecs)
    return Probe(
        playlist_s=sum(lengths),
        ended="#EXT-X-ENDLIST" in text,
        segments=len(lengths),
        inits=tuple(dict.fromkeys(run.init for run in runs)),
        discontinuities=text.count("#EXT-X-DISCONTINUITY\n"),
        longest_segment_s=max(lengths, default=0.0),
        frames=tuple(frames),
        sound=sound,
        codecs=tuple(sorted(codecs)),
        damaged=damaged,
        gaps=await _gaps(store, recording_id),
    )


async def _gaps(store: ObjectStore, recording_id: str) -> tuple[Gap, ...]:
    try:
        return Manifest.model_validate_json(await store.get(key_of(recording_id, MANIFEST_NAME))).gaps
    except ObjectMissingError:
        return ()


def _read_runs(playlist: str) -> list[_Run]:
    runs: list[_Run] = []
    for line in playlist.splitlines():
        if found := _MAP.match(line):
            runs.append(_Run(found[1], []))
        elif line and not line.startswith("#"):
            runs[-1].segments.append(line)
    return runs


def _decode(data: bytes, frames: list[ProbedFrame], sound: array[int], codecs: set[str]) -> int:
    """Adds what one run holds; returns the number of pictures that could not be decoded."""
    damaged = 0
    with av.open(io.BytesIO(data), "r", options={"err_detect": "explode"}) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        video.thread_count = 1
        codecs.update((video.codec_context.name, audio.codec_context.name))
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for packet in container.demux(video, audio):
            try:
                decoded = packet.decode()
            except av.error.InvalidDataError:
                damaged += 1
                continue
            for frame in decoded:
                if isinstance(frame, av.VideoFrame):
                    frames.append(_look_at(frame))
                elif isinstance(frame, av.AudioFrame):
                    _place(sound, frame, resampler)
    return damaged


def _look_at(frame: av.VideoFrame) -> ProbedFrame:
    plane = frame.planes[0]
    pixels = memoryview(plane)
    middle = plane.line_size * (frame.height // 2)
    top = plane.line_size * (frame.height // 16)
    line = bytes(pixels[middle : middle + frame.width])
    return ProbedFrame(
        float(frame.time or 0.0),
        frame.width,
        frame.height,
        bool(frame.key_frame),
        sum(line) / len(line),
        bytes(pixels[top : top + frame.width]),
    )


def _place(sound: array[int], frame: av.AudioFrame, resampler: av.AudioResampler) -> None:
    position = round(float(frame.time or 0.0) * RATE)
    frame.pts = None
    for resampled in resampler.resample(frame):
        samples = array("h", bytes(resampled.planes[0])[: resampled.samples * 2])
        if position > len(sound):
            sound.extend(array("h", bytes(2 * (position - len(sound)))))
        sound[position : position + len(samples)] = samples
        position += len(samples)


def flashes(frames: Sequence[ProbedFrame], threshold: float = 180.0) -> list[float]:
    """Times at which the picture turns bright."""
    return [after.time_s for before, after in pairwise(frames) if before.luma < threshold <= after.luma]


def beeps(sound: Sequence[int], threshold: int = 8000, quiet_s: float = 0.1) -> list[float]:
    """Times at which sound sets in after at least ``quiet_s`` of quiet."""
    found: list[float] = []
    last_loud = -RATE
    for position, sample in enumerate(sound):
        if abs(sample) >= threshold:
            if position - last_loud > quiet_s * RATE:
                found.append(position / RATE)
            last_loud = position
    return found


async def _main(url: str, recording_id: str) -> None:
    store = await open_store(url)
    try:
        found = await probe(store, recording_id)
    finally:
        await store.close()
    sys.stdout.write(json.dumps(found.facts(), indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m recordings.probe <store-url> <recording_id>")
    asyncio.run(_main(sys.argv[1], sys.argv[2]))
