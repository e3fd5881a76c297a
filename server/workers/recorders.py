"""The recorders (namespace ``/recordings``): what shall be recorded against what a recorder was told.

Every recording has one task that brings the two together and tries again for as long as it takes. Must not know rooms.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import socketio

from recordings import control
from recordings.control import NAMESPACE, RecordingErrorCode, RecordingState
from server.clock import Clock
from server.errors import AppError
from server.telemetry.counters import count
from server.workers.link import WorkerCallError, WorkerLink, WorkerNamespace, authenticated, parsed
from server.workers.ports import RecordingListener, Tap

RETRY_S = 0.5
AWAY_AFTER_S = 3.0  # one that was killed is back by then; after that everybody is told
KEEP_TRYING_S = 30.0  # to put into the log what a recorder said
_FINAL = (RecordingState.FINISHED, RecordingState.FAILED)
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Told:
    """What the recorder ``sid`` knows already."""

    sid: str
    tap: str
    paused: bool = False
    stage: str | None = None
    stopped: bool = False


@dataclass(slots=True)
class _Wanted:
    """How a recording shall be."""

    recording_id: str
    room_id: str
    paused: bool = False
    stage: str | None = None
    stopped: bool = False
    retap: bool = False
    recorder_id: str | None = None
    told: _Told | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Recorders:
    """Implements server.rooms.ports.RecordingPlane. ``attach`` once; ``close`` at the end."""

    def __init__(self, token: str, clock: Clock) -> None:
        self._token = token
        self._clock = clock
        self._sio: socketio.AsyncServer | None = None
        self._listener: RecordingListener | None = None
        self._tap: Tap | None = None
        self._links: dict[str, WorkerLink] = {}  # by recorder id; those that said hello
        self._greeting: dict[str, WorkerLink] = {}  # by sid
        self._holding: dict[str, str] = {}  # recording → recorder that has it on its disk
        self._wanted: dict[str, _Wanted] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def count(self) -> int:
        """Connected recorders."""
        return sum(not link.gone.is_set() for link in self._links.values())

    def attach(self, sio: socketio.AsyncServer, listener: RecordingListener, tap: Tap) -> None:
        self._sio = sio
        self._listener = listener
        self._tap = tap
        sio.register_namespace(WorkerNamespace(NAMESPACE, self))

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # --- how it shall be ---

    def start(self, recording_id: str, room_id: str) -> None:
        if recording_id not in self._wanted:
            wanted = self._wanted[recording_id] = _Wanted(recording_id, room_id)
            self._tasks[recording_id] = asyncio.create_task(self._follow(wanted), name=f"recording {recording_id}")

    def pause(self, recording_id: str) -> None:
        self._set(recording_id, paused=True)

    def resume(self, recording_id: str) -> None:
        self._set(recording_id, paused=False)

    def set_stage(self, recording_id: str, publication_id: str | None) -> None:
        self._set(recording_id, stage=publication_id)

    def stop(self, recording_id: str) -> None:
        self._set(recording_id, stopped=True)

    # --- for who watches ---

    async def watched(self, recording_id: str) -> None:
        """Somebody follows the playlist. Raises WorkerCallError."""
        await self._holder(recording_id).tell(control.RecordingWatched(recording_id=recording_id))

    async def still(self, recording_id: str, known: str | None) -> control.StillTaken:
        """The newest picture of the program. Raises WorkerCallError."""
        call = control.RecordingStill(recording_id=recording_id, known=known)
        return await self._holder(recording_id).call(call, control.StillTaken)

    def _holder(self, recording_id: str) -> WorkerLink:
        wanted = self._wanted.get(recording_id)
        holder = self._holding.get(recording_id) or (wanted.recorder_id if wanted else None)
        link = self._links.get(holder or "")
        if link is None or link.gone.is_set():
            raise WorkerCallError(None, f"no recorder is there for recording {recording_id}")
        return link

    def _set(self, recording_id: str, **fields: Any) -> None:
        wanted = self._wanted.get(recording_id)
        if wanted is not None:
            for name, value in fields.items():
                setattr(wanted, name, value)
            wanted.changed.set()

    def handle_moved(self, room_id: str) -> None:
        """The room has another media worker, so another tap."""
        for wanted in self._wanted.values():
            if wanted.room_id == room_id:
                self._set(wanted.recording_id, retap=True)

    # --- bringing it about ---

    async def _follow(self, wanted: _Wanted) -> None:
        told_away = False
        while True:
            wanted.changed.clear()
            link = self._recorder_for(wanted)
            if link is None:
                if told_away:
                    await wanted.changed.wait()
                    told_away = False  # what changed may have hidden it: the host resumed a recording that was paused
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(AWAY_AFTER_S):
                        await wanted.changed.wait()
                if self._recorder_for(wanted) is None and self._listener is not None:
                    self._listener.handle_recorder_away(wanted.recording_id)
                    told_away = True
                continue
            told_away = False
            try:
                await self._bring(wanted, link)
            except (AppError, WorkerCallError) as error:
                _logger.warning("recording=%s recorder=%s: %s", wanted.recording_id, link.worker_id, error)
                if isinstance(error, WorkerCallError) and error.code == RecordingErrorCode.UNKNOWN_RECORDING:
                    wanted.told = None
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:  # the lesson's recording must not end with a fault of ours
                count("recordings_not_followed")
                _logger.exception("recording=%s recorder=%s", wanted.recording_id, link.worker_id)
                await asyncio.sleep(RETRY_S)
                continue
            await wanted.changed.wait()

    def _recorder_for(self, wanted: _Wanted) -> WorkerLink | None:
        """The one that has its journal, else the one with the fewest."""
        living = {link.worker_id: link for link in self._links.values() if not link.gone.is_set()}
        holder = self._holding.get(wanted.recording_id) or wanted.recorder_id
        if holder in living:
            return living[holder]
        if not living:
            return None
        loads = [other.recorder_id for other in self._wanted.values()]
        chosen = min(living.values(), key=lambda link: (loads.count(link.worker_id), link.worker_id))
        wanted.recorder_id = chosen.worker_id
        return chosen

    async def _bring(self, wanted: _Wanted, link: WorkerLink) -> None:
        """One step after the other; each is told once per connection of the recorder."""
        recording_id = wanted.recording_id
        if wanted.told is None or wanted.told.sid != link.sid or wanted.retap:
            wanted.retap = False
            await self._start_on(wanted, link)
        told = wanted.told
        if told is None:
            return
        if told.paused != wanted.paused:
            call = control.RecordingPause if wanted.paused else control.RecordingResume
            await link.tell(call(recording_id=recording_id))
            told.paused = wanted.paused
        if told.stage != wanted.stage:
            await link.tell(control.RecordingStage(recording_id=recording_id, publication_id=wanted.stage))
            told.stage = wanted.stage
        if wanted.stopped and not told.stopped:
            await link.tell(control.RecordingStop(recording_id=recording_id))
            told.stopped = True

    async def _start_on(self, wanted: _Wanted, link: WorkerLink) -> None:
        """A recording that shall stop needs no tap any more, if the recorder still has it."""
        recording_id = wanted.recording_id
        if wanted.stopped and self._holding.get(recording_id) == link.worker_id:
            wanted.told = _Told(link.sid, "", wanted.paused, wanted.stage)
            return
        assert self._tap is not None  # noqa: S101 (set by attach)
        tap = await self._tap.open_room(wanted.room_id)
        await link.tell(control.RecordingStart(recording_id=recording_id, room_id=wanted.room_id, tap=tap))
        # A recorder that had it before may have it paused or not: it is told again how it shall be.
        held = self._holding.get(recording_id) == link.worker_id
        wanted.told = _Told(link.sid, tap, paused=not wanted.paused if held else False)
        wanted.recorder_id = link.worker_id

    # --- recorders come and go ---

    def handle_connect(self, sid: str, auth: Any) -> None:
        assert self._sio is not None  # noqa: S101 (the namespace exists only after attach)
        given = authenticated(auth, self._token)
        self._greeting[sid] = WorkerLink(given.worker_id, sid, NAMESPACE, self._sio)

    def handle_hello(self, sid: str, hello: control.RecorderHello) -> None:
        link = self._greeting.pop(sid, None)
        if link is None or link.worker_id != hello.recorder_id:
            count("worker_messages_malformed")
            return
        before = self._links.get(link.worker_id)
        if before is not None:
            before.gone.set()
        self._links[link.worker_id] = link
        self._holding |= dict.fromkeys(hello.recording_ids, link.worker_id)
        _logger.info("recorder=%s is here with %d recordings", link.worker_id, len(hello.recording_ids))
        self._wake()

    def handle_disconnect(self, sid: str) -> None:
        self._greeting.pop(sid, None)
        for link in self._links.values():
            if link.sid == sid:
                link.gone.set()
                _logger.warning("recorder=%s is gone", link.worker_id)
                self._wake()

    def _wake(self) -> None:
        for wanted in self._wanted.values():
            wanted.changed.set()

    # --- what they say ---

    async def handle_event(self, sid: str, name: str, raw: Any) -> dict[str, Any] | None:
        """The acknowledgement means: it is in the log. Without one the recorder says it again."""
        if name == control.RecorderHello.NAME:
            hello = parsed(control.RecorderHello, raw)
            if hello is not None:
                self.handle_hello(sid, hello)
            return {"ok": hello is not None}
        link = next((link for link in self._links.values() if link.sid == sid), None)
        if link is None:
            count("worker_messages_malformed")
            return None
        await self._dispatch(link, name, raw)
        return {"ok": True}

    async def _dispatch(self, link: WorkerLink, name: str, raw: Any) -> None:
        match name:
            case control.RecordingChanged.NAME:
                if changed := parsed(control.RecordingChanged, raw):
                    await self._keep(changed)
                    if changed.state in _FINAL:
                        await self._finish(changed.recording_id)
            case control.RecordingSegment.NAME:
                if segment := parsed(control.RecordingSegment, raw):
                    await self._keep(segment)
            case control.RecorderStats.NAME:
                if stats := parsed(control.RecorderStats, raw):
                    link.counters = dict(stats.counters)
            case _:
                count("worker_messages_malformed")

    async def _keep(self, event: control.RecordingChanged | control.RecordingSegment) -> None:
        """The log may be away for a moment. Raises AppError when it is so for long."""
        assert self._listener is not None  # noqa: S101 (set by attach)
        deadline_ms = self._clock.monotonic_ms() + KEEP_TRYING_S * 1000
        while True:
            try:
                if isinstance(event, control.RecordingSegment):
                    return await self._listener.handle_segment(event)
                return await self._listener.handle_recording(event)
            except AppError:
                if self._clock.monotonic_ms() > deadline_ms:
                    raise
                await asyncio.sleep(RETRY_S)

    async def _finish(self, recording_id: str) -> None:
        self._holding.pop(recording_id, None)
        wanted = self._wanted.pop(recording_id, None)
        task = self._tasks.pop(recording_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if wanted is not None and wanted.stopped and self._tap is not None:
            with suppress(AppError):  # a room that was opened again only for this recording
                await self._tap.close_room(wanted.room_id)
