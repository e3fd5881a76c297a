"""What is really in a finished recording: decoded pictures and sound on the recording's own timeline."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.e2e.media_files import BEEP_HZ, is_flash

BLOCK_S = 0.01


@dataclass
class Decoded:
    """Times in ms from the first packet of the playlist."""

    video_ms: list[float] = field(default_factory=list)
    flash_edges_ms: list[float] = field(default_factory=list)
    beep_edges_ms: list[float] = field(default_factory=list)
    audio_end_ms: float = 0.0
    samples: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    rate_hz: int = 48000
    sizes: set[tuple[int, int]] = field(default_factory=set)
    was_flash: bool = True
    pieces: list[NDArray[np.float32]] = field(default_factory=list)
    audio_start_ms: float = 0.0

    @property
    def duration_ms(self) -> float:
        return max(self.audio_end_ms, self.video_ms[-1] if self.video_ms else 0.0)

    def lag_ms(self, start_ms: float = 0.0, end_ms: float = float("inf")) -> float:
        """How much later the beep comes than the flash (median) in this stretch."""
        flashes, beeps = (
            [at for at in edges if start_ms <= at <= end_ms] for edges in (self.flash_edges_ms, self.beep_edges_ms)
        )
        return nearest_lag_ms(flashes, beeps)

    def holes(self, declared: list[dict[str, int]], longer_than_ms: float) -> list[tuple[float, float]]:
        """(start, length) of stretches without a new picture that no declared gap covers."""
        pairs = zip(self.video_ms, self.video_ms[1:], strict=False)
        found = [(a, b - a) for a, b in pairs if b - a > longer_than_ms]
        return [
            (at, length)
            for at, length in found
            if not any(gap["start_ms"] - longer_than_ms <= at <= gap["end_ms"] for gap in declared)
        ]

    def level_db(self, frequency_hz: float) -> float:
        """Strength of a tone over the whole recording, relative to its total power."""
        t = np.arange(len(self.samples)) / self.rate_hz
        power = float(np.mean(self.samples.astype(np.float64) ** 2)) + 1e-12
        best = 0.0
        for block in np.array_split(np.arange(len(t)), max(1, len(t) // self.rate_hz)):
            wave = np.exp(-2j * np.pi * frequency_hz * t[block])
            best = max(best, abs(np.mean(self.samples[block] * wave)) ** 2)
        return float(10 * np.log10(best / power + 1e-12))


def decode_recording(playlist: Path) -> Decoded:
    """Decodes every segment that the playlist names, in runs of one init segment as a browser does.

    FFmpeg's own HLS reader keeps the first init's parameter sets over a change of EXT-X-MAP, so it is not used.
    """
    found = Decoded()
    for run in _runs(playlist):
        _decode(run, found)
    return _finished(found)


def decode_file(body: bytes) -> Decoded:
    """Decodes a single file, for example a WebM."""
    found = Decoded()
    _decode(io.BytesIO(body), found)
    return _finished(found)


def _runs(playlist: Path) -> Iterator[io.BytesIO]:
    """Init and all media segments up to the next change of init, as one file each."""
    run = b""
    for line in playlist.read_text(encoding="utf-8").splitlines():
        if line.startswith("#EXT-X-MAP:"):
            if run:
                yield io.BytesIO(run)
            run = (playlist.parent / line.split('"')[1]).read_bytes()
        elif line and not line.startswith("#"):
            run += (playlist.parent / line).read_bytes()
    if run:
        yield io.BytesIO(run)


def _decode(file: io.BytesIO, found: Decoded) -> None:
    opened: Any = av.open(file)
    with opened as container:
        frames: Iterator[Any] = container.decode()
        for frame in frames:
            at_ms = (frame.time or 0.0) * 1000
            if isinstance(frame, av.VideoFrame):
                _see(found, frame, at_ms)
            elif isinstance(frame, av.AudioFrame):
                if not found.pieces:
                    found.audio_start_ms = at_ms
                found.rate_hz = frame.sample_rate
                found.pieces.append(frame.to_ndarray().mean(axis=0).astype(np.float32))
                found.audio_end_ms = max(found.audio_end_ms, at_ms + 1000 * frame.samples / frame.sample_rate)


def _finished(found: Decoded) -> Decoded:
    found.video_ms.sort()
    found.samples = np.concatenate(found.pieces) if found.pieces else found.samples
    found.pieces.clear()
    found.beep_edges_ms = [at + found.audio_start_ms for at in _beeps(found.samples, found.rate_hz)]
    return found


def _see(found: Decoded, frame: av.VideoFrame, at_ms: float) -> None:
    flash = is_flash(frame.to_ndarray(format="gray").astype(np.uint8, copy=False))
    if flash and not found.was_flash:
        found.flash_edges_ms.append(at_ms)
    found.was_flash = flash
    found.video_ms.append(at_ms)
    found.sizes.add((frame.width, frame.height))


def _beeps(samples: NDArray[np.float32], rate_hz: int) -> list[float]:
    """Rising edges of the beep's frequency, in blocks of 10 ms."""
    size = int(rate_hz * BLOCK_S)
    wave = np.exp(-2j * np.pi * BEEP_HZ * np.arange(size) / rate_hz)
    edges, loud = [], True
    for number in range(len(samples) // size):
        block = samples[number * size : (number + 1) * size]
        power = float(np.mean(block**2))
        now = power > 1e-3 and abs(np.mean(block * wave)) ** 2 / power > 0.15
        if now and not loud:
            edges.append(number * BLOCK_S * 1000)
        loud = bool(now)
    return edges


def nearest_lag_ms(flashes: list[float], beeps: list[float]) -> float:
    """Median of (nearest beep − flash). AssertionError when there is none of either."""
    assert flashes, "no flash was seen"
    assert beeps, "no beep was heard"
    lags = sorted(min((beep - flash for beep in beeps), key=abs) for flash in flashes)
    return lags[len(lags) // 2]
