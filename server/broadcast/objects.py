"""What a broadcast's audience asks for at the same moment is read from the object store once."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from dataclasses import dataclass

from recordings.manifest import PLAYLIST_NAME, key_of
from recordings.playlist import live_playlist
from recordings.stores.base import ObjectStore
from server.clock import Clock

PLAYLIST_KEPT_MS = 400  # a fifth of the shortest segment
MAX_PLAYLISTS = 200
MAX_CACHED_BYTES = 64 * 1024 * 1024
KEPT_S = 120.0  # those who follow ask within seconds; what is deleted from the store is gone from here as well


@dataclass(frozen=True, slots=True)
class Playlist:
    """As it goes out; an hour's is some 60 KB plain."""

    text: bytes
    zipped: bytes
    has_segments: bool
    read_ms: int


class BroadcastObjects:
    """Raises StoreError as the store does. Bounded in memory."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._playlists: OrderedDict[str, Playlist] = OrderedDict()
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._reading: dict[str, asyncio.Task[bytes]] = {}

    async def playlist(self, recording_id: str) -> Playlist:
        known = self._playlists.get(recording_id)
        now_ms = self._clock.monotonic_ms()
        if known is not None and now_ms - known.read_ms < PLAYLIST_KEPT_MS:
            return known
        text = live_playlist((await self._read(key_of(recording_id, PLAYLIST_NAME))).decode())
        raw = text.encode()
        if known is not None and known.text == raw:
            found = Playlist(known.text, known.zipped, known.has_segments, now_ms)
        else:
            found = Playlist(raw, gzip.compress(raw, 5, mtime=0), "#EXTINF:" in text, now_ms)
        self._playlists[recording_id] = found
        self._playlists.move_to_end(recording_id)
        if len(self._playlists) > MAX_PLAYLISTS:
            self._playlists.popitem(last=False)
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
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: str, done: asyncio.Task[bytes]) -> None:
        self._reading.pop(key, None)
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
