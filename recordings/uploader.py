"""From the spool into the object store: in order, idempotent, each object read back before it counts.

A store that is away or full costs nothing but patience: segments wait in the spool, the playlist names only what is
stored, and all is caught up in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from recordings.catalogue import Catalogue, Stored, StoredObject
from recordings.control import RecordingErrorCode
from recordings.errors import ObjectMissingError, StoreAwayError, StoreError, StoreFullError
from recordings.manifest import (
    MANIFEST_NAME,
    MANIFEST_TYPE,
    PLAYLIST_NAME,
    Manifest,
    content_type_of,
    key_of,
    playlist_of,
)
from recordings.playlist import CONTENT_TYPE as PLAYLIST_TYPE
from recordings.stores.base import ObjectStore

FIRST_RETRY_S, MAX_RETRY_S = 0.25, 5.0
_log = logging.getLogger(__name__)


class UploaderEvents(NamedTuple):
    stored: Callable[[StoredObject], None]
    failed: Callable[[RecordingErrorCode | None], None]


class Uploader:
    """``store`` opens the store when needed; it may fail as every call of the store may."""

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        store: Callable[[], Awaitable[ObjectStore]],
        events: UploaderEvents,
    ) -> None:
        self._folder = folder
        self._catalogue = catalogue
        self._store = store
        self._events = events
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Returns when the recording is closed and wholly in the store."""
        while True:
            self._wake.clear()
            if (waiting := self._next()) is not None:
                await self._insist(lambda waiting=waiting: self._upload(waiting))  # type: ignore[misc]
            elif self._catalogue.duration_ms is not None:
                await self._insist(self._complete)
                return
            else:
                await self._wake.wait()

    def _next(self) -> StoredObject | None:
        stored = self._catalogue.stored
        return next((each for each in self._catalogue.objects[len(stored) :] if each.index not in stored), None)

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Does the step until it succeeds."""
        delay_s, failed = FIRST_RETRY_S, False
        while True:
            try:
                await step()
            except StoreError as error:
                if not failed:
                    _log.warning("recording %s: store: %r", self._catalogue.recording_id, error)
                failed = True
                self._events.failed(_code_of(error))
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, MAX_RETRY_S)
            else:
                break
        if failed:
            self._events.failed(None)

    async def _upload(self, waiting: StoredObject) -> None:
        path = self._folder / waiting.name
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            await self._check_stored(waiting)
        else:
            await self._put(waiting.name, data, content_type_of(waiting.name), waiting.sha256)
        # A full spool takes no line, but the file may go: it is what makes room.
        await asyncio.to_thread(self._catalogue.note, Stored(index=waiting.index))
        if waiting.duration_ticks:
            await self._put_playlist(ended=False)
        path.unlink(missing_ok=True)
        self._events.stored(waiting)

    async def _check_stored(self, waiting: StoredObject) -> None:
        """A former process stored it, made room, and was killed before the full spool took the line about it."""
        store = await self._store()
        try:
            same = await store.verify(key_of(self._catalogue.recording_id, waiting.name), waiting.sha256)
        except ObjectMissingError:
            same = False
        if not same:
            raise FileNotFoundError(f"{waiting.name} is neither in the spool nor in the store")

    async def _complete(self) -> None:
        await self._put_playlist(ended=True)
        catalogue = self._catalogue
        manifest = Manifest(
            recording_id=catalogue.recording_id,
            origin_ms=catalogue.origin_ms,
            duration_ms=catalogue.duration_ms or 0,
            objects=tuple(each.manifest_object() for each in catalogue.objects),
            gaps=tuple(catalogue.gaps),
        )
        store = await self._store()
        key = key_of(catalogue.recording_id, MANIFEST_NAME)
        await store.put(key, manifest.model_dump_json().encode(), MANIFEST_TYPE)

    async def _put_playlist(self, ended: bool) -> None:
        catalogue = self._catalogue
        done = [each for each in catalogue.objects if each.index in catalogue.stored]
        text = playlist_of(done, catalogue.origin_ms, ended)
        store = await self._store()
        await store.put(key_of(catalogue.recording_id, PLAYLIST_NAME), text.encode(), PLAYLIST_TYPE)

    async def _put(self, name: str, data: bytes, content_type: str, sha256: str) -> None:
        key = key_of(self._catalogue.recording_id, name)
        store = await self._store()
        await store.put(key, data, content_type)
        if not await store.verify(key, sha256):
            raise StoreAwayError(f"{key} was read back with other bytes")


def _code_of(error: StoreError) -> RecordingErrorCode:
    return RecordingErrorCode.STORE_FULL if isinstance(error, StoreFullError) else RecordingErrorCode.STORE_AWAY
