"""What a broadcast's audience asks for at the same moment is read from the object store once."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TypeVar

from recordings.manifest import PLAYLIST_NAME, key_of
from recordings.playlist import live_playlist
from recordings.stores.base import ObjectStore
from server.clock import Clock

PLAYLIST_KEPT_MS = 200  # a tenth of the shortest segment
# Segments follow each other by a little more than two seconds. Who asks in the second half of this time waits for the
# next one; what has not come by then is not waited for.
SOON_AFTER_MS, OVERDUE_AFTER_MS = 900, 2_700
MAX_PLAYLISTS = 200
MAX_CACHED_BYTES = 64 * 1024 * 1024
LOOK_EVERY_S = 0.1
KEPT_S = 120.0  # those who follow ask within seconds; what is deleted from the store is gone from here as well

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Playlist:
    """As it goes out; an hour's is some 60 KB plain."""

    text: bytes
    zipped: bytes
    has_segments: bool
    read_ms: int
    changed_ms: int  # when it was first seen to be so

    @property
    def is_over(self) -> bool:
        return self.text.endswith(b"#EXT-X-ENDLIST\n")


class BroadcastObjects:
    """Raises StoreError as the store does. Bounded in memory."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._playlists: OrderedDict[str, Playlist] = OrderedDict()
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._reading: dict[str, asyncio.Task[bytes]] = {}
        self._awaiting: dict[str, asyncio.Task[Playlist]] = {}

    async def playlist(self, recording_id: str) -> Playlist:
        known = self._playlists.get(recording_id)
        now_ms = self._clock.monotonic_ms()
        if known is not None and now_ms - known.read_ms < PLAYLIST_KEPT_MS:
            return known
        text = live_playlist((await self._read(key_of(recording_id, PLAYLIST_NAME))).decode())
        raw = text.encode()
        if known is not None and known.text == raw:
            found = replace(known, read_ms=now_ms)
        else:
            found = Playlist(raw, gzip.compress(raw, 5, mtime=0), "#EXTINF:" in text, now_ms, now_ms)
        self._playlists[recording_id] = found
        self._playlists.move_to_end(recording_id)
        if len(self._playlists) > MAX_PLAYLISTS:
            self._playlists.popitem(last=False)
        return found

    async def next_playlist(self, recording_id: str) -> Playlist:
        """For who has seen the last one: with the next segment, when that is about to come. Players ask every so often,
        and would find it a second later on average."""
        known = await self.playlist(recording_id)
        age_ms = self._clock.monotonic_ms() - known.changed_ms
        if known.is_over or not SOON_AFTER_MS <= age_ms < OVERDUE_AFTER_MS:
            return known
        task = self._awaiting.get(recording_id)
        if task is None:
            task = self._awaiting[recording_id] = asyncio.create_task(self._change_of(recording_id, known))
            task.add_done_callback(lambda done: self._forget(self._awaiting, recording_id, done))
        return await asyncio.shield(task)

    async def _change_of(self, recording_id: str, known: Playlist) -> Playlist:
        """One task looks for everybody."""
        found = known
        while found.text == known.text and self._clock.monotonic_ms() - known.changed_ms < OVERDUE_AFTER_MS:
            await asyncio.sleep(LOOK_EVERY_S)
            found = await self.playlist(recording_id)
        return found

    async def media(self, recording_id: str, name: str) -> bytes:
        """A segment or an init: they never change."""
        key = key_of(recording_id, name)
        if (body := self._bodies.get(key)) is not None:
            self._bodies.move_to_end(key)
            return body
        body = await self._read(key)
        self._keep(key, body)
        return body

    async def _read(self, key: str) -> bytes:
        """Whoever asks while it is being read gets the same; one who gives up takes it from nobody."""
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._store.get(key))
            task.add_done_callback(lambda done: self._forget(self._reading, key, done))
        return await asyncio.shield(task)

    @staticmethod
    def _forget(tasks: dict[str, asyncio.Task[T]], key: str, done: asyncio.Task[T]) -> None:
        tasks.pop(key, None)
        if not done.cancelled():
            done.exception()  # seen, also when everybody who asked has gone

    def _keep(self, key: str, body: bytes) -> None:
        if key in self._bodies:
            return
        self._bodies[key] = body
        self._bytes += len(body)
        asyncio.get_running_loop().call_later(KEPT_S, self._drop, key)
        while self._bytes > MAX_CACHED_BYTES and len(self._bodies) > 1:
            self._drop(next(iter(self._bodies)))

    def _drop(self, key: str) -> None:
        self._bytes -= len(self._bodies.pop(key, b""))
