"""The recorder process: all its recordings, and the calls of the server for them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable

from media.control import WorkerAuth
from recordings.catalogue import FILE
from recordings.control import (
    RecorderHello,
    RecorderStats,
    RecordingChanged,
    RecordingErrorCode,
    RecordingPause,
    RecordingResume,
    RecordingSegment,
    RecordingStage,
    RecordingStart,
    RecordingState,
    RecordingStill,
    RecordingStop,
    RecordingWatched,
)
from recordings.control_link import CallRefusedError, ControlLink
from recordings.errors import ObjectMissingError, StoreAwayError, StoreError
from recordings.manifest import MANIFEST_NAME, key_of
from recordings.recording import Recording, RecordingPorts
from recordings.settings import Settings
from recordings.stores.base import ObjectStore
from recordings.stores.open import open_store

VERSION = "0.1.0"
STATS_EVERY_S = 5.0
STORE_RETRY_S = 2.0
SEEN_S = 2.0
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_log = logging.getLogger(__name__)


class Recorder:
    """Runs until cancelled. Recordings of a former process are taken up before the server is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._recordings: dict[str, Recording] = {}
        self._without_room: set[str] = set()  # recordings that could not begin, as the server was told
        self._store: ObjectStore | None = None
        self._opening = asyncio.Lock()
        self._counters = {"recordings_started": 0, "recordings_reopened": 0, "recordings_ended": 0, "segments": 0}
        self._ports = RecordingPorts(self._open_store, self, settings.worker_token, self._ended)
        self._link = ControlLink(
            settings.server_url,
            WorkerAuth(token=settings.worker_token, worker_id=settings.recorder_id),
            settings.tls_verify,
            self._hello,
            {
                RecordingStart: self._start,
                RecordingPause: lambda call: self._find(call.recording_id).pause(),
                RecordingResume: lambda call: self._find(call.recording_id).resume(),
                RecordingStage: self._stage,
                RecordingStop: lambda call: self._find(call.recording_id).stop(),
                RecordingWatched: self._watched,
                RecordingStill: lambda call: self._find(call.recording_id).still(call.known),
            },
            self._tell_all,
        )

    async def run(self) -> None:
        self._settings.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._reopen_all()
        stats = asyncio.create_task(self._send_stats(), name="stats")
        opening = asyncio.create_task(self._open_early(), name="open store")
        try:
            await self._link.run()
        finally:
            stats.cancel()
            opening.cancel()
            await asyncio.gather(*(each.halt() for each in self._recordings.values()), return_exceptions=True)
            if self._store is not None:
                await self._store.close()

    def report(self, event: RecordingChanged | RecordingSegment, done: Callable[[], None] | None = None) -> None:
        if isinstance(event, RecordingSegment):
            self._counters["segments"] += 1
        self._link.send(event, done)

    # --- calls --------------------------------------------------------------------------------------------------------

    async def _start(self, call: RecordingStart) -> None:
        if not _ID.fullmatch(call.recording_id):
            raise CallRefusedError("bad_request", "a recording id has 1 to 64 letters, digits, - and _")
        if call.recording_id not in self._recordings:
            await self._refuse_finished(call.recording_id)
        recording = self._recordings.get(call.recording_id)
        if recording is None:
            recording = self._create(call)
            self._recordings[call.recording_id] = recording
            self._counters["recordings_started"] += 1
            _log.info("recording %s: started", call.recording_id)
        await recording.attach(call.tap)

    def _create(self, call: RecordingStart) -> Recording:
        """The server asks again until there is room; meanwhile everybody shall know."""
        try:
            recording = Recording.create(self._settings.spool / call.recording_id, call, self._ports)
            self._without_room.discard(call.recording_id)
            return recording
        except OSError as error:
            _log.warning("recording %s: spool: %s", call.recording_id, error)
            code = RecordingErrorCode.SPOOL_FULL
            if call.recording_id not in self._without_room:
                self._without_room.add(call.recording_id)
                self.report(RecordingChanged(recording_id=call.recording_id, state=RecordingState.STALLED, code=code))
            raise CallRefusedError(code, "the spool has no room") from error

    async def _refuse_finished(self, recording_id: str) -> None:
        """A finished recording is never written again."""
        if self._store is None:
            return
        try:
            async with asyncio.timeout(SEEN_S):
                await self._store.stat(key_of(recording_id, MANIFEST_NAME))
        except ObjectMissingError:
            return
        except (StoreError, TimeoutError) as error:
            _log.warning("recording %s: started unseen: %r", recording_id, error)
            return
        raise CallRefusedError("bad_request", "this recording is finished")

    async def _stage(self, call: RecordingStage) -> None:
        self._find(call.recording_id).stage(call.publication_id)

    async def _watched(self, call: RecordingWatched) -> None:
        self._find(call.recording_id).watched()

    def _find(self, recording_id: str) -> Recording:
        recording = self._recordings.get(recording_id)
        if recording is None:
            raise CallRefusedError(RecordingErrorCode.UNKNOWN_RECORDING, "this recorder has no such recording")
        return recording

    # --- the process --------------------------------------------------------------------------------------------------

    def _hello(self) -> RecorderHello:
        return RecorderHello(
            recorder_id=self._settings.recorder_id, version=VERSION, recording_ids=tuple(self._recordings)
        )

    def _tell_all(self) -> None:
        self._without_room.clear()
        for recording in self._recordings.values():
            recording.tell_again()

    async def _reopen_all(self) -> None:
        for folder in sorted(self._settings.spool.iterdir()):
            if not (folder / FILE).is_file():
                continue
            try:
                self._recordings[folder.name] = await Recording.reopen(folder, self._ports)
                self._counters["recordings_reopened"] += 1
                _log.info("recording %s: reopened", folder.name)
            except (ValueError, OSError):
                _log.exception("recording %s: cannot be reopened", folder.name)

    def _ended(self, recording: Recording) -> None:
        self._recordings.pop(recording.id, None)
        self._counters["recordings_ended"] += 1

    async def _open_store(self) -> ObjectStore:
        async with self._opening:
            if self._store is None:
                try:
                    self._store = await open_store(self._settings.object_store)
                except ValueError as error:
                    raise StoreAwayError(str(error)) from error
            return self._store

    async def _open_early(self) -> None:
        """A new bucket takes its first object slowly: not during the first lesson."""
        while self._store is None:
            try:
                await self._open_store()
            except StoreError as error:
                _log.warning("object store: %r", error)
                await asyncio.sleep(STORE_RETRY_S)

    async def _send_stats(self) -> None:
        while True:
            await asyncio.sleep(STATS_EVERY_S)
            counters = {**self._counters, **self._link.counters, "open_recordings": len(self._recordings)}
            await self._link.send_if_connected(RecorderStats(recorder_id=self._settings.recorder_id, counters=counters))
