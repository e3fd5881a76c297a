"""The media workers (namespace ``/media``): who is there, which room is where, calls to them, their events.

Owns placement. A room stays on its worker while the worker lives; a worker that is gone for a second loses its rooms
to others, and whoever listens hears of the move. Must not know what a room is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import socketio
from pydantic import BaseModel

from media import control
from media.control import NAMESPACE, Grants, MediaErrorCode, RoomMedia, SlotInfo, TransportAnswer, WantedPicture
from server.clock import Clock
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.telemetry.counters import count
from server.workers.link import WorkerCallError, WorkerLink, WorkerNamespace, authenticated, parsed
from server.workers.ports import MediaListener

COMEBACK_S = 1.0  # a worker whose connection ended may be back by then, with its rooms
REATTACH_MS = 3_000  # after our start: a room that ran before waits so long for the worker that still carries it
SETTLE_MS = 10_000  # after our start: before this we may not know yet which rooms we want

R = TypeVar("R")
A = TypeVar("A", bound=BaseModel)
_CODES = {
    MediaErrorCode.BAD_SDP: ErrorCode.BAD_SDP,
    MediaErrorCode.NO_USABLE_MEDIA: ErrorCode.NO_USABLE_MEDIA,
    MediaErrorCode.ROOM_FULL: ErrorCode.ROOM_FULL,
    MediaErrorCode.BAD_REQUEST: ErrorCode.BAD_REQUEST,
}
_logger = logging.getLogger(__name__)


class MediaWorkers:
    """Implements server.rooms.ports.MediaPlane. ``attach`` once; ``close`` at the end."""

    def __init__(self, token: str, clock: Clock) -> None:
        self._token = token
        self._clock = clock
        self._started_ms = clock.monotonic_ms()
        self._sio: socketio.AsyncServer | None = None
        self._listener: MediaListener | None = None
        self._links: dict[str, WorkerLink] = {}  # by worker id; those that said hello
        self._greeting: dict[str, WorkerLink] = {}  # by sid
        self._places: dict[str, str] = {}  # room → worker id
        self._taps: dict[str, str] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._homeless: set[str] = set()
        self._expected: dict[str, tuple[asyncio.Event, int]] = {}  # rooms from before our start: brought, until when
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.moved_listeners: list[Callable[[str], None]] = []  # recorders tap the room anew

    @property
    def count(self) -> int:
        """Connected workers."""
        return sum(not link.gone.is_set() for link in self._links.values())

    def counters(self) -> dict[str, dict[str, int]]:
        """The last figures of each worker."""
        return {worker_id: link.counters for worker_id, link in self._links.items()}

    def attach(self, sio: socketio.AsyncServer, listener: MediaListener) -> None:
        self._sio = sio
        self._listener = listener
        sio.register_namespace(WorkerNamespace(NAMESPACE, self))

    async def close(self) -> None:
        self._is_closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- the plane ---

    def expect_room(self, room_id: str) -> None:
        """The room ran before this process started: some worker may still carry its media."""
        self._expected[room_id] = (asyncio.Event(), self._clock.monotonic_ms() + REATTACH_MS)

    async def open_room(self, room_id: str) -> str:
        """Where the room can be tapped. Raises AppError(MEDIA_UNAVAILABLE)."""
        async with self._opening.setdefault(room_id, asyncio.Lock()):
            await self._await_holder(room_id)
            link = self._placed(room_id)
            if link is not None and room_id in self._taps:
                return self._taps[room_id]
            link = link or self._least_loaded()
            opened = await self._translated(link.call(control.RoomOpen(room_id=room_id), control.RoomOpened))
            self._places[room_id], self._taps[room_id] = link.worker_id, opened.tap
            self._homeless.discard(room_id)
            return opened.tap

    async def close_room(self, room_id: str) -> None:
        """Nothing happens when no worker has it."""
        link = self._placed(room_id)
        self._forget(room_id)
        if link is not None:
            await self._translated(link.tell(control.RoomClose(room_id=room_id)))

    async def offer(self, room_id: str, participant_id: str, sdp: str, grants: Grants) -> TransportAnswer:
        message = control.TransportOffer(room_id=room_id, participant_id=participant_id, sdp=sdp, grants=grants)
        return await self._in_room(room_id, message, TransportAnswer)

    async def set_view(
        self, room_id: str, participant_id: str, pictures: tuple[WantedPicture, ...]
    ) -> tuple[SlotInfo, ...]:
        message = control.ViewSet(room_id=room_id, participant_id=participant_id, pictures=pictures)
        return (await self._in_room(room_id, message, control.ViewAssigned)).slots

    async def set_grants(self, room_id: str, participant_id: str, grants: Grants) -> None:
        await self._to_participant(
            room_id, control.GrantsSet(room_id=room_id, participant_id=participant_id, grants=grants)
        )

    async def set_quality(self, room_id: str, participant_id: str, level: control.QualityLevel | None) -> None:
        await self._to_participant(
            room_id, control.QualitySet(room_id=room_id, participant_id=participant_id, level=level)
        )

    async def close_transport(self, room_id: str, participant_id: str) -> None:
        await self._to_participant(room_id, control.TransportClose(room_id=room_id, participant_id=participant_id))

    async def _to_participant(self, room_id: str, message: BaseModel) -> None:
        """Nothing happens when the participant has no transport."""
        link = self._placed(room_id)
        if link is not None:
            ignored = (MediaErrorCode.UNKNOWN_ROOM, MediaErrorCode.UNKNOWN_PARTICIPANT)
            await self._translated(link.tell(message), ignored=ignored)

    async def end_publication(self, room_id: str, publication_id: str) -> None:
        """Best effort: a worker that does not hear it notices the silence."""
        link = self._placed(room_id)
        if link is not None:
            await self._translated(
                link.tell(control.PublicationEnd(room_id=room_id, publication_id=publication_id)),
                ignored=(MediaErrorCode.UNKNOWN_ROOM,),
            )

    async def _in_room(self, room_id: str, message: BaseModel, answer: type[A]) -> A:
        """A worker that lost the room (it restarted quicker than we noticed) gets it again, once."""
        for attempt in range(2):
            await self.open_room(room_id)
            link = self._placed(room_id)
            if link is None:
                break
            try:
                return await link.call(message, answer)
            except WorkerCallError as error:
                if error.code != MediaErrorCode.UNKNOWN_ROOM or attempt:
                    raise translate(error) from error
                self._taps.pop(room_id, None)
        raise _unavailable("the room's media worker went away")

    async def _translated(self, call: Awaitable[R], ignored: tuple[str, ...] = ()) -> R | Any:
        try:
            return await call
        except WorkerCallError as error:
            if error.code in ignored:
                return None
            raise translate(error) from error

    async def _await_holder(self, room_id: str) -> None:
        """Else the first worker to say hello would get the room, and pictures that still run elsewhere would stop."""
        if room_id not in self._expected:
            return
        brought, until_ms = self._expected[room_id]
        with suppress(TimeoutError):
            await asyncio.wait_for(brought.wait(), max(until_ms - self._clock.monotonic_ms(), 0) / 1000)
        self._expected.pop(room_id, None)

    def _placed(self, room_id: str) -> WorkerLink | None:
        link = self._links.get(self._places.get(room_id, ""))
        return link if link is not None and not link.gone.is_set() else None

    def _least_loaded(self) -> WorkerLink:
        living = [link for link in self._links.values() if not link.gone.is_set()]
        if not living:
            raise _unavailable("no media worker is connected")
        places = list(self._places.values())
        return min(living, key=lambda link: (places.count(link.worker_id), link.worker_id))

    def _forget(self, room_id: str) -> None:
        self._places.pop(room_id, None)
        self._taps.pop(room_id, None)
        self._homeless.discard(room_id)

    # --- workers come and go ---

    def handle_connect(self, sid: str, auth: Any) -> None:
        assert self._sio is not None  # noqa: S101 (the namespace exists only after attach)
        given = authenticated(auth, self._token)
        self._greeting[sid] = WorkerLink(given.worker_id, sid, NAMESPACE, self._sio)

    async def handle_hello(self, sid: str, hello: control.WorkerHello) -> None:
        """Registers the worker with the rooms that it has running."""
        link = self._greeting.pop(sid, None)
        if link is None or link.worker_id != hello.worker_id:
            count("worker_messages_malformed")
            return
        before = self._links.get(link.worker_id)
        if before is not None:
            before.gone.set()
        self._links[link.worker_id] = link
        _logger.info("media worker=%s is here with %d rooms", link.worker_id, len(hello.rooms))
        for room in hello.rooms:
            await self._adopt(link, room)
        running = {room.room_id for room in hello.rooms}
        lost = [room for room, worker in self._places.items() if worker == link.worker_id and room not in running]
        for room_id in [*lost, *self._homeless]:
            self._spawn(self._move(room_id))

    async def _adopt(self, link: WorkerLink, room: RoomMedia) -> None:
        assert self._listener is not None  # noqa: S101 (set by attach)
        holder = self._placed(room.room_id)
        if holder is not None and holder is not link:
            self._spawn(self._close_on(link, room.room_id))
        elif self._listener.wants_media(room.room_id):
            self._places[room.room_id], self._taps[room.room_id] = link.worker_id, room.tap
            self._homeless.discard(room.room_id)
            if room.room_id in self._expected:
                self._expected[room.room_id][0].set()
            await self._listener.handle_adopted(room.room_id, room.participants)
        else:
            self._spawn(self._close_unwanted(link, room))

    async def _close_unwanted(self, link: WorkerLink, room: RoomMedia) -> None:
        wait_ms = self._started_ms + SETTLE_MS - self._clock.monotonic_ms()
        await asyncio.sleep(max(wait_ms, 0) / 1000)
        if self._placed(room.room_id) is link:
            return
        if self._listener is not None and self._listener.wants_media(room.room_id):
            await self._adopt(link, room)
        else:
            await self._close_on(link, room.room_id)

    async def _close_on(self, link: WorkerLink, room_id: str) -> None:
        try:
            await link.tell(control.RoomClose(room_id=room_id))
        except WorkerCallError as error:
            _logger.info("room=%s on worker=%s: %s", room_id, link.worker_id, error)

    def handle_disconnect(self, sid: str) -> None:
        self._greeting.pop(sid, None)
        for link in self._links.values():
            if link.sid == sid:
                link.gone.set()
                _logger.warning("media worker=%s is gone", link.worker_id)
                self._spawn(self._after_comeback(link))

    async def _after_comeback(self, link: WorkerLink) -> None:
        if self._is_closed:
            return
        await asyncio.sleep(COMEBACK_S)
        if self._links.get(link.worker_id) is link:
            del self._links[link.worker_id]
            for room_id in [room for room, worker in self._places.items() if worker == link.worker_id]:
                self._spawn(self._move(room_id))

    async def _move(self, room_id: str) -> None:
        """To another worker, or to the next one that comes."""
        assert self._listener is not None  # noqa: S101 (set by attach)
        self._forget(room_id)
        if not self._listener.wants_media(room_id):
            return
        try:
            await self.open_room(room_id)
        except AppError:
            self._homeless.add(room_id)
            return
        count("media_rooms_moved")
        await self._listener.handle_moved(room_id)
        for listener in self.moved_listeners:
            listener(room_id)

    # --- what they say ---

    async def handle_event(self, sid: str, name: str, raw: Any) -> dict[str, Any] | None:
        """Only from workers that said hello; anything else is dropped and counted."""
        if name == control.WorkerHello.NAME:
            hello = parsed(control.WorkerHello, raw)
            if hello is not None:
                await self.handle_hello(sid, hello)
            return {"ok": hello is not None}
        link = next((link for link in self._links.values() if link.sid == sid), None)
        if link is None:
            count("worker_messages_malformed")
            return None
        await self._dispatch(link, name, raw)
        return {"ok": True}

    async def _dispatch(self, link: WorkerLink, name: str, raw: Any) -> None:
        assert self._listener is not None  # noqa: S101 (set by attach)
        match name:
            case control.TransportChanged.NAME:
                if transport := parsed(control.TransportChanged, raw):
                    await self._listener.handle_transport(transport)
            case control.PublicationMedia.NAME:
                if flow := parsed(control.PublicationMedia, raw):
                    self._listener.handle_flow(flow)
            case control.PublicationCodecWanted.NAME:
                if wish := parsed(control.PublicationCodecWanted, raw):
                    self._listener.handle_codec_wanted(wish)
            case control.PublicationLayersWanted.NAME:
                if layers := parsed(control.PublicationLayersWanted, raw):
                    self._listener.handle_layers_wanted(layers)
            case control.SlotsChanged.NAME:
                if slots := parsed(control.SlotsChanged, raw):
                    self._listener.handle_slots(slots)
            case control.QualityChanged.NAME:
                if quality := parsed(control.QualityChanged, raw):
                    await self._listener.handle_quality(quality)
            case control.SpeakersChanged.NAME:
                if speakers := parsed(control.SpeakersChanged, raw):
                    self._listener.handle_speakers(speakers)
            case control.WorkerStats.NAME:
                if stats := parsed(control.WorkerStats, raw):
                    link.counters = dict(stats.counters)
            case _:
                count("worker_messages_malformed")

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def translate(error: WorkerCallError) -> AppError:
    """A worker's refusal as the client hears it."""
    for media_code, code in _CODES.items():
        if error.code == media_code:
            return AppError(code, str(error))
    if error.code is None or error.code == MediaErrorCode.UNKNOWN_ROOM:
        return _unavailable(str(error))
    if error.code == MediaErrorCode.UNKNOWN_PARTICIPANT:
        return AppError(ErrorCode.CONFLICT, "offer first")
    return AppError(ErrorCode.MEDIA_UNAVAILABLE, str(error), retryable=True)


def _unavailable(message: str) -> AppError:
    return AppError(ErrorCode.MEDIA_UNAVAILABLE, message, retryable=True)
