"""One recording from its start to its finished state: composes intake, pipeline and uploader, and tells the server.

Everything that must survive a crash is in the folder: ``catalogue.jsonl``, ``journal.bin``, segments not yet stored.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from recordings.catalogue import (
    FILE,
    Attached,
    Catalogue,
    GapFound,
    Opened,
    Origin,
    PauseChanged,
    Reported,
    StopAsked,
    StoredObject,
)
from recordings.control import (
    Gap,
    RecordingChanged,
    RecordingErrorCode,
    RecordingSegment,
    RecordingStart,
    RecordingState,
    StillTaken,
)
from recordings.intake import Intake, IntakeEvents
from recordings.journal import repair
from recordings.manifest import key_of
from recordings.pipeline import JOURNAL, Pipeline, PipelineEvents
from recordings.program import PAUSED, PINNED
from recordings.room_clock import RoomClock
from recordings.status import Status
from recordings.stills import Stills
from recordings.stores.base import ObjectStore
from recordings.uploader import Uploader, UploaderEvents

WATCH_EVERY_S = 0.5
_log = logging.getLogger(__name__)


class RecordingReporter(Protocol):
    """Carries events to the server, in order, until they are acknowledged; then calls ``done``."""

    def report(self, event: RecordingChanged | RecordingSegment, done: Callable[[], None] | None = None) -> None: ...


class RecordingPorts(NamedTuple):
    """What a recording needs from its process. ``ended`` is called when nothing of it is left here."""

    store: Callable[[], Awaitable[ObjectStore]]
    reporter: RecordingReporter
    token: str
    ended: Callable[[Recording], None]


class Recording:
    """Made by ``create`` or ``reopen``; ends by ``stop`` (finished) or ``halt`` (resumable)."""

    def __init__(self, folder: Path, catalogue: Catalogue, ports: RecordingPorts, resumed: bool) -> None:
        self.catalogue = catalogue
        self.id = catalogue.recording_id
        self._folder = folder
        self._ports = ports
        self._loop = asyncio.get_running_loop()
        self._status = Status(catalogue, ports.reporter.report)
        self._clock = RoomClock()
        self._pipeline: Pipeline | None = None
        self._stills = Stills()
        tail = None
        if resumed and catalogue.origin_us is not None:
            tail = repair(folder / JOURNAL, catalogue.checkpoint.journal if catalogue.checkpoint else 0)
        events = IntakeEvents(self._begin, self._journalled, self._gap_found, self._trouble_of("journal"))
        self._intake = Intake(folder / JOURNAL, ports.token, catalogue.room_id, self._clock, tail, events)
        uploader_events = UploaderEvents(self._object_stored, self._trouble_of("store"))
        self._uploader = Uploader(folder, catalogue, ports.store, uploader_events)
        self._storing = asyncio.create_task(self._store_all(), name=f"store {self.id}")
        self._watching = asyncio.create_task(self._watch(), name=f"watch {self.id}")

    @classmethod
    def create(cls, folder: Path, start: RecordingStart, ports: RecordingPorts) -> Recording:
        """OSError: the spool has no room for it. It may be tried again."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        catalogue = Catalogue(folder / FILE)
        try:
            catalogue.add(Opened(recording_id=start.recording_id, room_id=start.room_id, tap=start.tap))
            return cls(folder, catalogue, ports, resumed=False)
        except OSError:
            catalogue.close()
            raise

    @classmethod
    async def reopen(cls, folder: Path, ports: RecordingPorts) -> Recording:
        """After a crash or a restart: what the former process left is finished or gone on with."""
        catalogue = Catalogue(folder / FILE)
        if not catalogue.recording_id:
            catalogue.close()
            raise ValueError(f"{folder.name} is no recording")
        recording = cls(folder, catalogue, ports, resumed=True)
        for each in catalogue.objects:
            if each.index in catalogue.stored and each.index not in catalogue.reported:
                recording._report_object(each)
        await recording._resume_work()
        return recording

    async def _resume_work(self) -> None:
        catalogue = self.catalogue
        if catalogue.duration_ms is not None:
            self._status.change(RecordingState.FINISHING)
            return
        if catalogue.origin_us is not None:
            self._start_pipeline()
        if catalogue.stop_at_us is not None:
            self._status.change(RecordingState.FINISHING)
        elif catalogue.paused_at_us is not None:
            self._intake.forget_position()  # the ring holds what was said in the pause
            self._clock.settled()
            self._status.change(RecordingState.PAUSED)
        else:
            if catalogue.origin_us is not None:
                self._status.change(RecordingState.RECORDING)
            await self._intake.attach(catalogue.tap)

    # --- commands -----------------------------------------------------------------------------------------------------

    async def attach(self, tap: str) -> None:
        """Connects to the room's tap; again when the room has moved. Nothing to do when it is connected there."""
        if tap != self.catalogue.tap:
            self.catalogue.note(Attached(tap=tap))
        if self.catalogue.paused_at_us is None and not self._stopping and self._intake.address != tap:
            await self._intake.attach(tap)

    async def pause(self) -> None:
        if self._stopping or self.catalogue.paused_at_us is not None:
            return
        await self._intake.detach(for_good=True)
        self._intake.begin()
        self._clock.settled()
        self.catalogue.note(PauseChanged(paused=True, at_us=self._clock.now_us()))
        self._intake.note({"event": PAUSED})
        self._intake.forget_position()
        self._status.change(RecordingState.PAUSED)

    async def resume(self) -> None:
        if self._stopping or self.catalogue.paused_at_us is None:
            return
        self._end_pause()
        self._status.change(RecordingState.RECORDING)
        await self._intake.attach(self.catalogue.tap)

    def stage(self, publication_id: str | None) -> None:
        if not self._stopping:
            self._intake.note({"event": PINNED, "publication_id": publication_id})

    def watched(self) -> None:
        """Somebody follows the playlist."""
        if self._pipeline is not None:
            self._pipeline.watched()

    async def still(self, known: str | None) -> StillTaken:
        """What the program shows now; nothing in a pause, from its first moment on."""
        paused = self.catalogue.paused_at_us is not None
        shown = None if paused or self._stopping or self._pipeline is None else self._pipeline.program.shown
        return await self._stills.take(shown, known)

    async def stop(self) -> None:
        """Returns when the end is on disk (a full one gets it later); ``finished`` is reported later."""
        if self._stopping:
            self._status.tell(again=True)
            return
        at_us = self._clock.now_us()
        if self.catalogue.paused_at_us is not None:
            self._end_pause()
        self._status.change(RecordingState.FINISHING)
        await self._intake.detach(for_good=True)
        await asyncio.to_thread(self.catalogue.note, StopAsked(at_us=at_us))
        if self._pipeline is None:
            await self._fail_empty()
            return
        self._pipeline.wake()

    async def halt(self) -> None:
        """The process ends, the recording does not: a successor goes on with the folder."""
        for task in (self._watching, self._storing):
            task.cancel()
        await asyncio.gather(self._watching, self._storing, return_exceptions=True)
        await self._intake.close()
        if self._pipeline is not None:
            await asyncio.to_thread(self._pipeline.halt, 1.0)
        self.catalogue.close()

    def tell_again(self) -> None:
        """The server has come back: it may have missed the last state."""
        self._status.tell(again=True)

    @property
    def _stopping(self) -> bool:
        return self.catalogue.stop_at_us is not None or self._status.state == RecordingState.FINISHING

    # --- what the parts say -------------------------------------------------------------------------------------------

    def _begin(self, origin_us: int) -> None:
        self.catalogue.note(Origin(origin_us=origin_us))
        self._start_pipeline()
        self._status.change(RecordingState.RECORDING)

    def _start_pipeline(self) -> None:
        def on_loop(call: Callable[..., None]) -> Callable[..., None]:
            return lambda *args: _call_on(self._loop, call, *args)

        events = PipelineEvents(
            segment_closed=on_loop(self._segment_closed),
            keyframe_wanted=on_loop(self._intake.request_keyframe),
            watch_changed=on_loop(self._intake.watch),
            failed=on_loop(self._trouble_of("spool")),
            closed=on_loop(self._uploader.wake),
        )
        self._status.progressed()
        (self._folder / JOURNAL).touch()
        self._pipeline = Pipeline(self._folder, self.catalogue, self._clock, events)
        self._pipeline.start()

    def _journalled(self) -> None:
        if self._pipeline is not None:
            self._pipeline.wake()

    def _segment_closed(self) -> None:
        self._status.progressed()
        self._uploader.wake()

    def _object_stored(self, stored: StoredObject) -> None:
        self._report_object(stored)

    def _report_object(self, stored: StoredObject) -> None:
        event = RecordingSegment(
            recording_id=self.id,
            index=stored.index,
            key=key_of(self.id, stored.name),
            sha256=stored.sha256,
            bytes=stored.bytes,
            start_ms=stored.start_ms,
            duration_ms=stored.duration_ms,
        )
        self._ports.reporter.report(event, lambda: self.catalogue.note(Reported(index=stored.index)))

    def _gap_found(self, start_us: int, end_us: int, reason: str) -> None:
        origin_us = self.catalogue.origin_us
        if origin_us is not None and end_us > origin_us:
            start_ms, end_ms = max(start_us - origin_us, 0) // 1000, (end_us - origin_us) // 1000
            self.catalogue.note(GapFound(gap=Gap(start_ms=start_ms, end_ms=end_ms, reason=reason)))
            _log.info("recording %s: gap of %d ms (%s)", self.id, end_ms - start_ms, reason)

    def _end_pause(self) -> None:
        paused_at_us, now_us = self.catalogue.paused_at_us or 0, self._clock.now_us()
        self._gap_found(paused_at_us, now_us, "pause")
        self.catalogue.note(PauseChanged(paused=False, at_us=now_us))

    def _trouble_of(self, part: str) -> Callable[[RecordingErrorCode | None], None]:
        return lambda code: self._status.trouble(part, code)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            self.catalogue.catch_up()
            self._status.look(self._intake.connected, self._pipeline is not None)

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _store_all(self) -> None:
        try:
            await self._uploader.run()
        except OSError:
            _log.exception("recording %s: the spool cannot be read", self.id)
            self._status.trouble("spool", RecordingErrorCode.INTERNAL)
            self._status.change(RecordingState.FAILED)
            return
        await self._end(RecordingState.FINISHED)

    async def _fail_empty(self) -> None:
        """Stopped before the tap ever answered: there is nothing to keep."""
        self._storing.cancel()
        self._status.trouble("tap", RecordingErrorCode.TAP_UNREACHABLE)
        await self._end(RecordingState.FAILED)

    async def _end(self, state: RecordingState) -> None:
        """All is stored and read back. The folder goes when the server knows."""
        self._watching.cancel()
        await self._intake.close()
        self._ports.reporter.report(self._status.end(state), self._remove)
        _log.info("recording %s: %s, %d ms", self.id, state, self.catalogue.duration_ms or 0)

    def _remove(self) -> None:
        self.catalogue.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._ports.ended(self)


def _call_on(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, *args)
