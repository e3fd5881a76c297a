"""The uploader against a real local store that is now and then away, full or wrong."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from recordings import uploader as module
from recordings.catalogue import Catalogue, Closed, Opened, Origin, StoredObject
from recordings.control import RecordingErrorCode
from recordings.errors import StoreAwayError, StoreError, StoreFullError
from recordings.manifest import Manifest
from recordings.stores.base import ObjectInfo, ObjectStore
from recordings.stores.local import LocalStore
from recordings.uploader import Uploader, UploaderEvents


class MoodyStore(LocalStore):
    """Fails the puts that ``moods`` names, in order; then works."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.moods: list[type[StoreError] | None] = []
        self.put_keys: list[str] = []

    async def put(self, key: str, body: bytes, content_type: str, *, if_absent: bool = False) -> ObjectInfo:
        mood = self.moods.pop(0) if self.moods else None
        if mood is not None:
            raise mood(key)
        self.put_keys.append(key)
        return await super().put(key, body, content_type, if_absent=if_absent)


def add_object(catalogue: Catalogue, folder: Path, name: str, ticks: int = 0) -> None:
    data = name.encode() * 10
    (folder / name).write_bytes(data)
    index = len(catalogue.objects)
    catalogue.add(
        StoredObject(
            index=index,
            name=name,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            start_ms=0,
            duration_ms=ticks // 90,
            duration_ticks=ticks,
            init_name="init0.mp4" if ticks else "",
        )
    )


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    made = Catalogue(tmp_path / "catalogue.jsonl")
    made.add(Opened(recording_id="r", room_id="m", tap="unix:/x"))
    made.add(Origin(origin_us=1_000_000))
    return made


def start(folder: Path, catalogue: Catalogue, store: ObjectStore) -> tuple[Uploader, list[object]]:
    told: list[object] = []

    async def opened() -> ObjectStore:
        return store

    return Uploader(folder, catalogue, opened, UploaderEvents(lambda each: told.append(each.index), told.append)), told


async def until_told(told: list[object], count: int) -> None:
    for _ in range(1000):
        if len(told) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"told only {told}")


async def test_objects_are_stored_in_order_and_the_spool_is_emptied(tmp_path: Path, catalogue: Catalogue) -> None:
    store = LocalStore(tmp_path / "store")
    uploader, told = start(tmp_path, catalogue, store)
    add_object(catalogue, tmp_path, "init0.mp4")
    add_object(catalogue, tmp_path, "000000.m4s", 360_000)
    running = asyncio.create_task(uploader.run())
    await until_told(told, 2)
    assert "#EXT-X-ENDLIST" not in (await store.get("rec/r/index.m3u8")).decode()
    add_object(catalogue, tmp_path, "000001.m4s", 90_000)
    catalogue.add(Closed(duration_ms=5000))
    uploader.wake()
    await asyncio.wait_for(running, 5)
    assert told == [0, 1, 2]
    playlist = (await store.get("rec/r/index.m3u8")).decode()
    assert playlist.endswith("#EXTINF:1.000000,\n000001.m4s\n#EXT-X-ENDLIST\n")
    manifest = Manifest.model_validate_json(await store.get("rec/r/manifest.json"))
    assert [each.name for each in manifest.objects] == ["init0.mp4", "000000.m4s", "000001.m4s"]
    assert (manifest.duration_ms, manifest.origin_ms) == (5000, 1000)
    assert not list(tmp_path.glob("*.m4s"))
    await store.close()


async def test_a_store_in_trouble_is_told_once_per_change_and_caught_up(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.001)
    store = MoodyStore(tmp_path / "store")
    store.moods = [StoreAwayError, StoreAwayError, StoreFullError, None, None, StoreAwayError]
    uploader, told = start(tmp_path, catalogue, store)
    add_object(catalogue, tmp_path, "init0.mp4")
    add_object(catalogue, tmp_path, "000000.m4s", 360_000)
    catalogue.add(Closed(duration_ms=4000))
    await asyncio.wait_for(uploader.run(), 10)
    away, full = RecordingErrorCode.STORE_AWAY, RecordingErrorCode.STORE_FULL
    assert told == [away, away, full, 0, None, 1, away, None] or told == [away, away, full, 0, None, away, 1, None]
    assert (await store.get("rec/r/000000.m4s")) == b"000000.m4s" * 10
    await store.close()


async def test_a_successor_stores_only_what_is_missing(tmp_path: Path, catalogue: Catalogue) -> None:
    store = MoodyStore(tmp_path / "store")
    uploader, told = start(tmp_path, catalogue, store)
    for index in range(3):
        add_object(catalogue, tmp_path, f"{index:06d}.m4s", 90_000)
    running = asyncio.create_task(uploader.run())
    await until_told(told, 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    add_object(catalogue, tmp_path, "000003.m4s", 90_000)
    catalogue.add(Closed(duration_ms=4000))
    catalogue.close()
    store.put_keys.clear()
    successor = Catalogue(tmp_path / "catalogue.jsonl")
    uploader, told = start(tmp_path, successor, store)
    await asyncio.wait_for(uploader.run(), 5)
    assert told == [3]
    assert [key for key in store.put_keys if key.endswith(".m4s")] == ["rec/r/000003.m4s"]
    successor.close()
    await store.close()


async def test_what_made_room_in_a_full_spool_and_is_in_the_store_counts(tmp_path: Path, catalogue: Catalogue) -> None:
    """Killed between removing the file and the line that tells of it, which the full disk did not take."""
    store = LocalStore(tmp_path / "store")
    uploader, told = start(tmp_path, catalogue, store)
    add_object(catalogue, tmp_path, "init0.mp4")
    add_object(catalogue, tmp_path, "000000.m4s", 360_000)
    await store.put("rec/r/init0.mp4", (tmp_path / "init0.mp4").read_bytes(), "video/mp4")
    (tmp_path / "init0.mp4").unlink()
    catalogue.add(Closed(duration_ms=4000))
    await asyncio.wait_for(uploader.run(), 5)
    assert told == [0, 1]
    await store.close()


async def test_what_is_in_neither_place_is_told_at_once(tmp_path: Path, catalogue: Catalogue) -> None:
    store = LocalStore(tmp_path / "store")
    uploader, told = start(tmp_path, catalogue, store)
    add_object(catalogue, tmp_path, "init0.mp4")
    (tmp_path / "init0.mp4").unlink()
    with pytest.raises(FileNotFoundError):
        await asyncio.wait_for(uploader.run(), 5)
    assert told == []
    await store.close()
