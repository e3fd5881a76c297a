"""All rooms of this server: found, opened, rebuilt after a restart, swept every second, dropped when nothing is left.

Owns the background task and the parts that act on rooms.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

from recordings.control import RecordingState
from server.clock import Clock
from server.errors import AppError, DatabaseAwayError
from server.locks import NamedLocks
from server.meeting_log.ports import MeetingLog
from server.meeting_log.types import LoggedEvent
from server.protocol.codes import ErrorCode
from server.protocol.models import DeviceKind, MeetingState, Presence
from server.rooms import persistence
from server.rooms.companions import Companions
from server.rooms.conduct import Conduct
from server.rooms.desk import Desk
from server.rooms.devices import Devices
from server.rooms.lifecycle import Lifecycle
from server.rooms.media_link import MediaLink
from server.rooms.participant import device_kind
from server.rooms.ports import Audience, MediaPlane, RecordBook, RecordingPlane, RollKeeper
from server.rooms.presence import RECOVERY_GRACE_MS
from server.rooms.quality import Quality
from server.rooms.recording import RecordingDesk
from server.rooms.revisions import Revisions
from server.rooms.room import Room
from server.rooms.seats import Seats
from server.rooms.transitions import apply
from server.rooms.worker_news import WorkerNews
from server.rooms.write_behind import DeferredWork
from server.storage.engine import Database
from server.telemetry.counters import count

SWEEP_S = 1.0
STALLED_S = 3.0  # a sweep that comes so late: this process, or the whole machine, stood still
INTERRUPTED_AFTER_MS = 60_000  # after a restart, without anybody in the room
EMPTY_END_MS = 2 * 3_600_000  # a live meeting that everybody left is ended by the server
MEDIA_KEPT_MS = 15_000  # after the end, so that the recorder gets the tail
_CLOSE_S = 1.0

_logger = logging.getLogger(__name__)


class RoomRegistry:
    """``connect`` before ``recover``; ``close`` at the end."""

    desk: Desk
    conduct: Conduct
    seats: Seats
    lifecycle: Lifecycle
    recording: RecordingDesk
    media: MediaLink
    quality: Quality
    companions: Companions
    devices: Devices
    news: WorkerNews

    def __init__(self, db: Database, log: MeetingLog, clock: Clock, keeper: RollKeeper, book: RecordBook) -> None:
        self._db = db
        self._log = log
        self._clock = clock
        self._keeper = keeper
        self._book = book
        self._plane: MediaPlane | None = None
        self._rooms: dict[str, Room] = {}
        self._loading = NamedLocks()
        self._quiet_since_ms: dict[str, int] = {}  # live rooms with nobody in them
        self._media_closed: set[str] = set()
        self._deferred = DeferredWork()
        self._sweeper: asyncio.Task[None] | None = None
        self._sweeps: dict[str, asyncio.Task[None]] = {}  # by meeting: those that still run
        self._recovered_ms: int | None = None

    def connect(self, audience: Audience, media: MediaPlane, recordings: RecordingPlane) -> None:
        """Wires the parts; signaling calls it once."""
        self._plane = media
        self.desk = Desk(self._log, self._clock, audience)
        self.conduct = Conduct(self.desk)
        self.seats = Seats(self.desk, self.conduct)
        self.media = MediaLink(self.desk, self.seats, media)
        self.quality = Quality(self.desk, media)
        self.companions = Companions(self.desk, self.seats, self.media)
        self.devices = Devices(self.desk, self.companions, self.seats, self.media)
        self.recording = RecordingDesk(self.desk, self._db, recordings, self._book, self._deferred)
        self.lifecycle = Lifecycle(
            self.desk,
            self._db,
            self._keeper,
            self._book,
            self._deferred,
            self.conduct,
            self.seats,
            self.companions,
            self.recording,
        )
        self.news = WorkerNews(self.get, audience, self.media, self.quality, self.devices, self.recording)

    def get(self, meeting_id: str) -> Room | None:
        return self._rooms.get(meeting_id)

    async def enter(self, meeting_id: str) -> Room:
        """The room, opened if it was not. Raises NotFoundError, DatabaseAwayError, AppError ROOM_CLOSED."""
        room = self._rooms.get(meeting_id) or await self._load(meeting_id)
        if room.is_over:
            raise AppError(ErrorCode.ROOM_CLOSED, f"the meeting is {room.state}")
        if room.state is MeetingState.SCHEDULED:
            await self._refresh(room)
        return room

    def seat_held_on(self, meeting_id: str, member_id: str) -> DeviceKind | None:
        """The device on which this member is in the room now."""
        room = self._rooms.get(meeting_id)
        seat = room.seat_of(member_id) if room else None
        return device_kind(seat.device) if seat and seat.connection is not None else None

    async def disconnect(self, room: Room, connection: str, silent_ms: int) -> None:
        """A socket is gone; it was last heard ``silent_ms`` ago."""
        await self.seats.disconnect(room, connection, silent_ms)
        await self.companions.disconnect(room, connection)

    async def cancel(self, meeting_id: str) -> None:
        """A meeting that has not begun. Raises AppError MEETING_STATE, NotFoundError, DatabaseAwayError."""
        room = self._rooms.get(meeting_id)
        await (self.lifecycle.cancel(room) if room else self._keeper.cancel(meeting_id))

    async def _refresh(self, room: Room) -> None:
        """Until its start a meeting may be changed or cancelled by those who plan."""
        async with room.lock:
            if room.state is not MeetingState.SCHEDULED:
                return
            try:
                definition = await self.lifecycle.define(room.meeting_id)
            except DatabaseAwayError:
                if room.opened:  # people are in it: what we know must do
                    return
                raise
            if definition.state is MeetingState.CANCELLED:
                raise AppError(ErrorCode.MEETING_NOT_OPEN, "the meeting was cancelled")
            room.definition = definition
            room.roll.replace(definition.people)
            if not room.opened:
                await self.lifecycle.open(room)

    async def _load(self, meeting_id: str) -> Room:
        async with self._loading.of(meeting_id):
            if meeting_id not in self._rooms:
                room, _ = await self._rebuild(meeting_id)
                self._rooms[meeting_id] = room
            return self._rooms[meeting_id]

    async def _rebuild(self, meeting_id: str) -> tuple[Room, list[LoggedEvent]]:
        definition = await self.lifecycle.define(meeting_id)
        room = Room(definition, self._clock.now_ms())
        room.state = definition.state if definition.state is MeetingState.CANCELLED else MeetingState.SCHEDULED
        events = await self._log.read(meeting_id)
        for event in events:
            apply(room, event)
        # Clients of an earlier process must not find their last revision in the ring of this one.
        room.revisions = Revisions(self._clock.now_ms())
        return room, events

    # --- after a restart ---

    async def recover(self) -> None:
        """Rebuilds the rooms that were open. Participants are unstable until they come back."""
        await self._log.settle()
        self._recovered_ms = self._clock.monotonic_ms()
        for meeting_id in await persistence.meetings_to_recover(self._db):
            try:
                room, events = await self._rebuild(meeting_id)
                self._rooms[meeting_id] = room
                if self._plane is not None and room.state is not MeetingState.ENDED:
                    self._plane.expect_room(meeting_id)
                await self._revive(room, events)
            except Exception:  # one broken meeting must not keep the others out
                count("rooms_not_recovered")
                _logger.exception("room=%s was not recovered", meeting_id)
        self._sweeper = asyncio.create_task(self._sweep_forever())
        if self._rooms:
            _logger.info("recovered %d rooms", len(self._rooms))

    async def _revive(self, room: Room, events: list[LoggedEvent]) -> None:
        self.recording.recover(room, events, [json.loads(event.payload) for event in events])
        if room.state is MeetingState.ENDED:
            self.lifecycle.finish(room)
            return
        if room.state is not room.definition.state:
            self.lifecycle.save_state(room)
        alive_ms = max((event.at_ms for event in events), default=0)
        now, wall_ms = self._clock.monotonic_ms(), self._clock.now_ms()
        await self.companions.recover(room, now + RECOVERY_GRACE_MS)
        async with room.lock:
            for seat in room.present():
                # The log shows that the server still lived then, and had the seat's socket.
                seen_ms = alive_ms if seat.presence is Presence.PRESENT else seat.seen_ms
                seat.liveness.proof_ms = now - max(wall_ms - seen_ms, 0)
                seat.liveness.grace_until_ms = now + RECOVERY_GRACE_MS
                await self.seats.settle_presence(room, seat)

    async def close(self) -> None:
        """Idempotent. Rooms are left as they are: the next process takes them over."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None
        for task in self._sweeps.values():
            task.cancel()
        await asyncio.gather(*self._sweeps.values(), return_exceptions=True)
        await self._deferred.close(_CLOSE_S)

    # --- every second ---

    async def _sweep_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(SWEEP_S)
            if loop.time() - before > STALLED_S:
                count("sweeps_late")
                for room in self._rooms.values():
                    self.seats.forgive(room)
            for room in self._rooms.values():
                if room.meeting_id not in self._sweeps:  # a room that is slow holds up no other
                    task = asyncio.create_task(self._sweep_logged(room), name=f"sweep {room.meeting_id}")
                    self._sweeps[room.meeting_id] = task

    async def _sweep_logged(self, room: Room) -> None:
        try:
            await self.sweep(room)
        except AppError as error:
            _logger.warning("sweep of room=%s: %s", room.meeting_id, error)
        except Exception:
            _logger.exception("sweep of room=%s", room.meeting_id)
        finally:
            del self._sweeps[room.meeting_id]

    async def sweep(self, room: Room) -> None:
        """Lost seats, empty rooms, rooms that are over."""
        await self.companions.sweep(room)
        if room.is_over:
            await self._sweep_over(room)
            return
        for participant_id in await self.seats.sweep(room):
            with suppress(AppError):
                await self.media.close_transport(room, participant_id)
        await self.quality.sweep(room)
        await self.devices.sweep(room)
        if room.definition.record:
            await self.recording.begin_again(room)
        if room.state is MeetingState.LIVE and not room.present():
            await self._sweep_empty(room)
        else:
            self._quiet_since_ms.pop(room.meeting_id, None)

    async def _sweep_empty(self, room: Room) -> None:
        now = self._clock.monotonic_ms()
        quiet_ms = now - self._quiet_since_ms.setdefault(room.meeting_id, now)
        recovered = self._recovered_ms is not None and now - self._recovered_ms < 2 * INTERRUPTED_AFTER_MS
        if recovered and quiet_ms >= INTERRUPTED_AFTER_MS - RECOVERY_GRACE_MS:
            await self.lifecycle.interrupt(room)
        elif quiet_ms >= EMPTY_END_MS:
            await self.lifecycle.end(room, None, "timeout")

    async def _sweep_over(self, room: Room) -> None:
        """The media stay until the recorder has the tail; the room stays until the recording is finished."""
        ended_for_ms = self._clock.now_ms() - (room.ended_ms or 0)
        running = self.recording.is_running(room)
        wants_media = running and room.recording.state != RecordingState.FINISHING and ended_for_ms < MEDIA_KEPT_MS
        if not wants_media and room.meeting_id not in self._media_closed and self._plane is not None:
            self._media_closed.add(room.meeting_id)
            with suppress(AppError):
                await self._plane.close_room(room.meeting_id)
        if not running and ended_for_ms > MEDIA_KEPT_MS:
            self._rooms.pop(room.meeting_id, None)
            self._media_closed.discard(room.meeting_id)
