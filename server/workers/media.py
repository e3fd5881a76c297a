"""The media workers (namespace ``/media``): who is there, calls to them, their events.

A room stays on its workers while they live; a worker that is gone for a second loses its rooms and seats to others, and
whoever listens hears of the move (``carriers.py`` knows what is where). Must not know what a room is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import socketio

from media import control
from media.control import NAMESPACE, Grants, MediaErrorCode, RoomMedia, SlotInfo, TransportAnswer, WantedPicture
from server.clock import Clock
from server.errors import AppError
from server.telemetry.counters import count
from server.workers.carriers import Carriers, RoomLimits, translated
from server.workers.link import WorkerCallError, WorkerLink, WorkerNamespace, authenticated, parsed
from server.workers.placement import Loss
from server.workers.ports import MediaListener

COMEBACK_S = 1.0  # a worker whose connection ended may be back by then, with its rooms
MOVE_AGAIN_S = 2.0
SETTLE_MS = 10_000  # after our start: before this we may not know yet which rooms we want

_logger = logging.getLogger(__name__)


class MediaWorkers:
    """Implements server.rooms.ports.MediaPlane. ``attach`` once; ``close`` at the end."""

    def __init__(self, token: str, clock: Clock, limits: RoomLimits | None = None) -> None:
        self._token = token
        self._clock = clock
        self._started_ms = clock.monotonic_ms()
        self._sio: socketio.AsyncServer | None = None
        self._listener: MediaListener | None = None
        self._links: dict[str, WorkerLink] = {}  # by worker id; those that said hello
        self._greeting: dict[str, WorkerLink] = {}  # by sid
        self._carriers = Carriers(self._links, clock, limits or RoomLimits())
        self._homeless: set[str] = set()
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
        self._carriers.expect(room_id)

    async def open_room(self, room_id: str) -> str:
        """Where the room can be tapped. Raises AppError(MEDIA_UNAVAILABLE)."""
        return await self._carriers.open(room_id)

    async def close_room(self, room_id: str) -> None:
        """Nothing happens when no worker has it."""
        self._homeless.discard(room_id)
        await self._carriers.close(room_id)

    async def offer(self, room_id: str, participant_id: str, sdp: str, grants: Grants) -> TransportAnswer:
        message = control.TransportOffer(room_id=room_id, participant_id=participant_id, sdp=sdp, grants=grants)
        return await self._carriers.take_seat(room_id, participant_id, message, TransportAnswer)

    async def set_view(
        self, room_id: str, participant_id: str, pictures: tuple[WantedPicture, ...]
    ) -> tuple[SlotInfo, ...]:
        message = control.ViewSet(room_id=room_id, participant_id=participant_id, pictures=pictures)
        return (await self._carriers.call_seat(room_id, participant_id, message, control.ViewAssigned)).slots

    async def set_grants(self, room_id: str, participant_id: str, grants: Grants) -> None:
        message = control.GrantsSet(room_id=room_id, participant_id=participant_id, grants=grants)
        await self._carriers.tell_seat(room_id, participant_id, message)

    async def set_quality(self, room_id: str, participant_id: str, level: control.QualityLevel | None) -> None:
        message = control.QualitySet(room_id=room_id, participant_id=participant_id, level=level)
        await self._carriers.tell_seat(room_id, participant_id, message)

    async def close_transport(self, room_id: str, participant_id: str) -> None:
        await self._carriers.unseat(room_id, participant_id)

    async def end_publication(self, room_id: str, publication_id: str) -> None:
        """Best effort: a worker that does not hear it notices the silence."""
        for link in self._carriers.of(room_id):
            message = control.PublicationEnd(room_id=room_id, publication_id=publication_id)
            await translated(link.tell(message), ignored=(MediaErrorCode.UNKNOWN_ROOM,))

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
        lost = [room_id for room_id in self._carriers.rooms_of(link.worker_id) if room_id not in running]
        for room_id in lost:
            self._spawn(self._handle_loss(self._carriers.lose(room_id, link.worker_id)))
        for room_id in list(self._homeless):
            self._spawn(self._move(room_id))

    async def _adopt(self, link: WorkerLink, room: RoomMedia) -> None:
        assert self._listener is not None  # noqa: S101 (set by attach)
        if link.gone.is_set():
            return
        others = [one for one in self._carriers.of(room.room_id) if one is not link]
        is_second = room.primary and any(self._carriers.is_primary(room.room_id, one.worker_id) for one in others)
        if is_second:
            self._spawn(self._tell(link, control.RoomClose(room_id=room.room_id)))
        elif self._listener.wants_media(room.room_id):
            await self._take_in(link, room, is_shared=bool(others))
        else:
            self._spawn(self._close_unwanted(link, room))

    async def _take_in(self, link: WorkerLink, room: RoomMedia, is_shared: bool) -> None:
        assert self._listener is not None  # noqa: S101 (set by attach)
        self._carriers.adopt(link.worker_id, room)
        self._homeless.discard(room.room_id)
        if is_shared:
            self._spawn(self._carriers.link_up(room.room_id))

        def is_elsewhere(participant_id: str) -> bool:
            return self._carriers.sits_elsewhere(room.room_id, participant_id, link.worker_id)

        for one in room.participants:
            if is_elsewhere(one.participant_id):  # he came back there while this worker was away
                close = control.TransportClose(room_id=room.room_id, participant_id=one.participant_id)
                self._spawn(self._tell(link, close))
        here = tuple(one for one in room.participants if not is_elsewhere(one.participant_id))
        await self._listener.handle_adopted(room.room_id, here, is_elsewhere)

    async def _close_unwanted(self, link: WorkerLink, room: RoomMedia) -> None:
        wait_ms = self._started_ms + SETTLE_MS - self._clock.monotonic_ms()
        await asyncio.sleep(max(wait_ms, 0) / 1000)
        if link in self._carriers.of(room.room_id):
            return
        if self._listener is not None and self._listener.wants_media(room.room_id):
            await self._adopt(link, room)
        else:
            await self._tell(link, control.RoomClose(room_id=room.room_id))

    async def _tell(self, link: WorkerLink, message: control.RoomClose | control.TransportClose) -> None:
        try:
            await link.tell(message)
        except WorkerCallError as error:
            _logger.info("%s of room=%s on worker=%s: %s", message.NAME, message.room_id, link.worker_id, error)

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
            for room_id in self._carriers.rooms_of(link.worker_id):
                self._spawn(self._handle_loss(self._carriers.lose(room_id, link.worker_id)))

    async def _handle_loss(self, loss: Loss) -> None:
        """A room that others carry too goes on there: only who sat on the lost worker makes a new connection."""
        assert self._listener is not None  # noqa: S101 (set by attach)
        if loss.primary is None:
            await self._move(loss.room_id)
            return
        count("media_seats_moved")
        await self._carriers.link_up(loss.room_id)
        await self._listener.handle_moved(loss.room_id, loss.participant_ids)
        if loss.was_primary:
            for listener in self.moved_listeners:
                listener(loss.room_id)

    async def _move(self, room_id: str) -> None:
        """To another worker, or to the next one that comes."""
        assert self._listener is not None  # noqa: S101 (set by attach)
        self._homeless.discard(room_id)
        if not self._listener.wants_media(room_id):
            return
        try:
            await self.open_room(room_id)
        except AppError:
            self._homeless.add(room_id)
            if self.count:
                self._spawn(self._move_again(room_id))
            return
        count("media_rooms_moved")
        await self._listener.handle_moved(room_id, None)
        for listener in self.moved_listeners:
            listener(room_id)

    async def _move_again(self, room_id: str) -> None:
        """The next worker was there and did not take it."""
        await asyncio.sleep(MOVE_AGAIN_S)
        if room_id in self._homeless and not self._is_closed:
            await self._move(room_id)

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
                transport = parsed(control.TransportChanged, raw)
                if transport and self._is_theirs(link, transport):
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
                slots = parsed(control.SlotsChanged, raw)
                if slots and self._is_theirs(link, slots):
                    self._listener.handle_slots(slots)
            case control.QualityChanged.NAME:
                quality = parsed(control.QualityChanged, raw)
                if quality and self._is_theirs(link, quality):
                    await self._listener.handle_quality(quality)
            case control.SpeakersChanged.NAME:
                speakers = parsed(control.SpeakersChanged, raw)
                if speakers and self._carriers.is_primary(speakers.room_id, link.worker_id):
                    self._listener.handle_speakers(speakers)
            case control.WorkerStats.NAME:
                if stats := parsed(control.WorkerStats, raw):
                    link.counters = dict(stats.counters)
            case _:
                count("worker_messages_malformed")

    def _is_theirs(
        self, link: WorkerLink, said: control.TransportChanged | control.SlotsChanged | control.QualityChanged
    ) -> bool:
        """What a worker says of somebody who sits on another one by now is old."""
        return not self._carriers.sits_elsewhere(said.room_id, said.participant_id, link.worker_id)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
