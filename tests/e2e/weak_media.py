"""A 720p camera whose picture costs about what a person in a room does: a still background, a part that moves.

Few frames a second: what is measured is the network, and the machine of a test encodes three layers of two cameras.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.e2e.media_files import MediaFiles, make_files

WIDTH, HEIGHT, FPS = 1280, 720, 12
FRAMES = 36
HEAD = slice(160, 560), slice(480, 800)
SEED = 5


def make_cameras(directory: Path, tones_hz: dict[str, float]) -> dict[str, MediaFiles]:
    """The microphones of ``media_files``; one picture for all."""
    directory.mkdir(parents=True, exist_ok=True)
    video = directory / "camera.y4m"
    _write_video(video)
    made = {name: make_files(directory, name, tone) for name, tone in tones_hz.items()}
    return {name: MediaFiles(video, files.audio, files.tone_hz) for name, files in made.items()}


def _write_video(path: Path) -> None:
    random = np.random.default_rng(SEED)
    texture = random.integers(60, 190, (HEIGHT // 8, WIDTH // 8), np.uint8).repeat(8, 0).repeat(8, 1)
    chroma = np.full(WIDTH * HEIGHT // 2, 128, np.uint8).tobytes()
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            file.write(b"FRAME\n" + _luma(texture, number, random).tobytes() + chroma)


def _luma(texture: NDArray[np.uint8], number: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """The head nods over the background, and its texture changes a little from frame to frame."""
    picture = texture.copy()
    head = texture[HEAD].astype(np.int16) + random.integers(-12, 13, texture[HEAD].shape)
    shift = round(24 * np.sin(2 * np.pi * number / FRAMES))
    rows = slice(HEAD[0].start + shift, HEAD[0].stop + shift)
    picture[rows, HEAD[1]] = np.clip(head, 16, 235).astype(np.uint8)
    return picture
