"""However many follow a broadcast, its objects are read once."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

import pytest

from recordings.errors import ObjectMissingError, StoreAwayError
from recordings.playlist import PlaylistSegment, write_playlist
from recordings.stores.local import LocalStore
from server.broadcast import objects as module
from server.broadcast.objects import OVERDUE_AFTER_MS, PLAYLIST_KEPT_MS, SOON_AFTER_MS, BroadcastObjects
from tests.conftest import SetClock


class CountingStore(LocalStore):
    """Counts reads; may be away."""

    reads = 0
    is_away = False

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        self.reads += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreAwayError(key)
        return await super().get(key, start, end)


@pytest.fixture
def store(tmp_path: object) -> CountingStore:
    return CountingStore(tmp_path)  # type: ignore[arg-type]


async def put_playlist(store: LocalStore, segments: int) -> None:
    listed = [PlaylistSegment(f"{n:06d}.m4s", "init0.mp4", n * 2000, 2.0) for n in range(segments)]
    await store.put("rec/r/index.m3u8", write_playlist(listed, 0, ended=False).encode(), "text/plain")


async def test_a_crowd_reads_a_segment_once(store: CountingStore, clock: SetClock) -> None:
    await store.put("rec/r/000000.m4s", b"pictures", "video/iso.segment")
    objects = BroadcastObjects(store, clock)
    bodies = await asyncio.gather(*(objects.media("r", "000000.m4s") for _ in range(50)))
    assert set(bodies) == {b"pictures"}
    await objects.media("r", "000000.m4s")
    assert store.reads == 1


async def test_who_gives_up_takes_it_from_nobody(store: CountingStore, clock: SetClock) -> None:
    await store.put("rec/r/000000.m4s", b"pictures", "video/iso.segment")
    objects = BroadcastObjects(store, clock)
    first, second = (asyncio.create_task(objects.media("r", "000000.m4s")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"pictures"


async def test_the_playlist_is_read_again_after_a_moment(store: CountingStore, clock: SetClock) -> None:
    objects = BroadcastObjects(store, clock)
    with pytest.raises(ObjectMissingError):
        await objects.playlist("r")
    await put_playlist(store, 0)
    assert not (await objects.playlist("r")).has_segments
    await put_playlist(store, 2)
    reads = store.reads
    assert not (await objects.playlist("r")).has_segments and store.reads == reads
    clock.advance(PLAYLIST_KEPT_MS)
    found = await objects.playlist("r")
    assert found.has_segments and gzip.decompress(found.zipped) == found.text


async def test_a_store_that_is_away_is_asked_again(store: CountingStore, clock: SetClock) -> None:
    await store.put("rec/r/000000.m4s", b"pictures", "video/iso.segment")
    objects = BroadcastObjects(store, clock)
    store.is_away = True
    with pytest.raises(StoreAwayError):
        await objects.media("r", "000000.m4s")
    store.is_away = False
    assert await objects.media("r", "000000.m4s") == b"pictures"


async def test_memory_is_bounded(store: CountingStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHED_BYTES", 100)
    objects = BroadcastObjects(store, clock)
    for number in range(5):
        await store.put(f"rec/r/{number:06d}.m4s", bytes(40), "video/iso.segment")
        await objects.media("r", f"{number:06d}.m4s")
    assert store.reads == 5
    await objects.media("r", "000004.m4s")
    assert store.reads == 5
    await objects.media("r", "000000.m4s")
    assert store.reads == 6


async def test_nothing_is_kept_for_long(store: CountingStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    await store.put("rec/r/000000.m4s", b"pictures", "video/iso.segment")
    objects = BroadcastObjects(store, clock)
    await objects.media("r", "000000.m4s")
    for _ in range(3):
        await asyncio.sleep(0)
    await store.delete("rec/r/000000.m4s")
    with pytest.raises(ObjectMissingError):
        await objects.media("r", "000000.m4s")


async def test_who_follows_gets_the_next_segment_as_soon_as_it_is_there(store: CountingStore, clock: SetClock) -> None:
    objects = BroadcastObjects(store, clock)
    await put_playlist(store, 1)
    first = await objects.playlist("r")
    clock.advance(SOON_AFTER_MS - 1)
    assert await objects.next_playlist("r") == replace(first, read_ms=clock.ms)  # it has just come: nothing to wait for
    clock.advance(1)
    waiting = [asyncio.create_task(objects.next_playlist("r")) for _ in range(20)]
    await asyncio.sleep(0)
    await put_playlist(store, 2)
    clock.advance(PLAYLIST_KEPT_MS)
    found = await asyncio.gather(*waiting)
    assert {playlist.text.count(b"#EXTINF") for playlist in found} == {2}


async def test_what_is_overdue_or_over_is_not_waited_for(store: CountingStore, clock: SetClock) -> None:
    objects = BroadcastObjects(store, clock)
    await put_playlist(store, 1)
    await objects.playlist("r")
    clock.advance(OVERDUE_AFTER_MS)
    assert (await objects.next_playlist("r")).text.count(b"#EXTINF") == 1
    segments = [PlaylistSegment("000000.m4s", "init0.mp4", 0, 2.0)]
    await store.put("rec/r/index.m3u8", write_playlist(segments, 0, ended=True).encode(), "text/plain")
    clock.advance(PLAYLIST_KEPT_MS)
    assert (await objects.next_playlist("r")).is_over
    clock.advance(SOON_AFTER_MS)
    assert (await objects.next_playlist("r")).is_over
