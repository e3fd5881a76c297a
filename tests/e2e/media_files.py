"""Camera and microphone files for Chromium's fake devices, made by the suite.

Picture: 640×360, 25 fps. A frame counter stands as 16 black or white blocks in the lower third; once per
``PERIOD_S`` the upper half is white for ``FLASH_S``. Sound: syllables (a harmonic tone of the person's own, four a
second, so that noise suppression takes it for speech) and, with each flash, a beep at ``BEEP_HZ``. Both files loop;
Chromium starts each when its device is opened, so their offset is measured in the publisher's page, not assumed.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 640, 360, 25
PERIOD_S = 4.0
FLASH_S = 0.2
RATE_HZ = 48000
BEEP_HZ = 2500.0
COUNTER_BITS = 16
COUNTER_TOP = HEIGHT * 2 // 3


@dataclass(frozen=True, slots=True)
class MediaFiles:
    video: Path
    audio: Path
    tone_hz: float


def make_files(directory: Path, name: str, tone_hz: float) -> MediaFiles:
    """Writes ``<name>.y4m`` and ``<name>.wav`` (one period each)."""
    directory.mkdir(parents=True, exist_ok=True)
    files = MediaFiles(directory / f"{name}.y4m", directory / f"{name}.wav", tone_hz)
    _write_video(files.video)
    _write_audio(files.audio, tone_hz)
    return files


def read_counter(luma: NDArray[np.uint8]) -> int:
    """The frame counter in a decoded picture of any size (rows × columns of luma)."""
    height, width = luma.shape
    row = luma[height * 5 // 6]
    middles = [int((bit + 0.5) * width / COUNTER_BITS) for bit in range(COUNTER_BITS)]
    return sum(1 << bit for bit, column in enumerate(middles) if row[column] > 128)


def is_flash(luma: NDArray[np.uint8]) -> bool:
    """True while the upper half is white."""
    height, width = luma.shape
    return bool(luma[height // 8 : height // 3, width // 4 : width * 3 // 4].mean() > 180)


def _write_video(path: Path) -> None:
    frames = int(PERIOD_S * FPS)
    flash_frames = int(FLASH_S * FPS)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        chroma = np.full(WIDTH * HEIGHT // 2, 128, np.uint8).tobytes()
        for number in range(frames):
            file.write(b"FRAME\n" + _luma(number, flash=number < flash_frames).tobytes() + chroma)


def _luma(number: int, *, flash: bool) -> NDArray[np.uint8]:
    picture = np.empty((HEIGHT, WIDTH), np.uint8)
    if flash:
        picture[:COUNTER_TOP] = 235
    else:  # moving stripes give the encoder something to do
        picture[:COUNTER_TOP] = ((np.arange(WIDTH) + number * 4) // 16 % 8 * 12 + 30).astype(np.uint8)
    for bit in range(COUNTER_BITS):
        left, right = bit * WIDTH // COUNTER_BITS, (bit + 1) * WIDTH // COUNTER_BITS
        picture[COUNTER_TOP:, left:right] = 235 if number >> bit & 1 else 16
    return picture


def _write_audio(path: Path, tone_hz: float) -> None:
    t = np.arange(int(PERIOD_S * RATE_HZ)) / RATE_HZ
    syllable = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) ** 0.5
    voice = sum(np.sin(2 * np.pi * tone_hz * k * t) / k for k in (1, 2, 3))
    sound = 0.25 * syllable * voice
    beep = t < FLASH_S
    sound[beep] = 0.6 * np.sin(2 * np.pi * BEEP_HZ * t[beep])
    samples = (np.clip(sound, -1, 1) * 32000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
