"""Films that are brought into the library play like recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from recordings.library import UnreadableFileError, import_file
from recordings.probe import probe
from recordings.sample import make_sample
from recordings.stores.base import ObjectStore
from recordings.stores.open import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    opened = await open_store(f"file://{tmp_path}/store")
    yield opened
    await opened.close()


async def test_a_sample_is_passed_through(store: ObjectStore, tmp_path: Path) -> None:
    make_sample(tmp_path / "lesson.mp4", 10)
    assert (tmp_path / "lesson.mp4").stat().st_size < 1_000_000
    imported = await import_file(tmp_path / "lesson.mp4", store, "past-1", origin_ms=1_700_000_000_000)
    assert abs(imported.duration_ms - 10_000) < 200
    assert [segment.index for segment in imported.segments] == [0, 1, 2, 3]
    found = await probe(store, "past-1")
    assert len(found.frames) == 100 and found.damaged == 0 and found.ended
    assert abs(len(found.sound) / 48_000 - 10) < 0.1
    assert max(found.sound) > 3000


def make_film(path: Path, codec: str) -> None:
    """Four seconds without sound, with B pictures where the codec has them."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        video.time_base = Fraction(1, 25)
        if codec == "libx264":
            video.options = {"preset": "medium", "bf": "2", "g": "25"}
        for number in range(100):
            frame = av.VideoFrame(320, 240, "yuv420p")
            for plane, level in zip(frame.planes, (number * 2, 100, 150), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


@pytest.mark.parametrize(("codec", "name"), [("libx264", "b.mp4"), ("libvpx", "vp8.webm"), ("mpeg4", "old.mp4")])
async def test_other_films_keep_every_picture_in_order(
    store: ObjectStore, tmp_path: Path, codec: str, name: str
) -> None:
    make_film(tmp_path / name, codec)
    imported = await import_file(tmp_path / name, store, "film")
    found = await probe(store, "film")
    assert abs(imported.duration_ms - 4000) < 100
    assert len(found.frames) == 100
    assert abs(len(found.sound) / 48_000 - 4) < 0.1
    levels = [frame.luma for frame in found.frames]
    times = [frame.time_s for frame in found.frames]
    assert times == sorted(times)
    assert all(after >= before - 1 for before, after in pairwise(levels))


async def test_what_is_no_film_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"this is no film" * 100)
    with pytest.raises(UnreadableFileError):
        await import_file(tmp_path / "text.mp4", store, "none")
    assert [info.key async for info in store.list("")] == []
