"""The broadcast of a running program: what there is to play, its objects, the audience that the recorder hears of."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from recordings.control import RecordingState
from recordings.errors import ObjectMissingError, StoreError
from server.auth.actor import Actor
from server.auth.rate import RateLimit
from server.broadcast.admission import Admitted, admit, check_recording
from server.broadcast.objects import BroadcastObjects, Playlist
from server.broadcast.stills import LiveStills, Still
from server.errors import AppError, NotFoundError
from server.protocol.codes import ErrorCode
from server.protocol.models import MeetingState
from server.protocol.ways import BroadcastInfo
from server.services import Services
from server.telemetry.counters import count
from server.workers.link import WorkerCallError

# A player asks for a playlist and a segment every two seconds, and for many at once after a jump back.
OBJECTS_PER_S, OBJECTS_BURST = 10, 120
STILLS_PER_S, STILLS_BURST = 2, 20
FOLLOWS_MS = 8_000  # a player asks again after two to four seconds
MAX_FOLLOWERS = 20_000
TELL_EVERY_MS = 10_000  # the recorder believes in an audience for 30 s
_OPEN = (MeetingState.LIVE, MeetingState.INTERRUPTED)
_OVER = (MeetingState.ENDED, MeetingState.CANCELLED)
_RUNNING = (RecordingState.RECORDING, RecordingState.PAUSED, RecordingState.STALLED, RecordingState.FINISHING)


class Verdict(NamedTuple):
    """Neither: there will be something, but there is nothing yet."""

    recording_id: str | None
    reason: str | None


class Broadcasts:
    """One per server process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._objects = BroadcastObjects(services.store, services.clock)
        self._stills = LiveStills(services.recorders, services.clock)
        self._object_rate = RateLimit(OBJECTS_PER_S, OBJECTS_BURST)
        self._still_rate = RateLimit(STILLS_PER_S, STILLS_BURST)
        self._asked_ms: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._told_ms: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def info(self, actor: Actor, meeting_id: str) -> BroadcastInfo:
        """Raises AppError FORBIDDEN, REMOVED, NOT_FOUND, RATE_LIMITED."""
        self._limit(self._object_rate, actor)
        decided = verdict(await admit(self._services, actor, meeting_id))
        if decided.reason is not None:
            return BroadcastInfo(state="unavailable", reason=decided.reason)
        if decided.recording_id is None:
            return BroadcastInfo(state="waiting")
        self._tell_recorder(decided.recording_id)
        try:
            playlist = await self._objects.playlist(decided.recording_id)
        except ObjectMissingError:
            return BroadcastInfo(state="waiting")
        except StoreError:
            return BroadcastInfo(state="unavailable", reason=ErrorCode.STORE_AWAY.value)
        if not playlist.has_segments:
            return BroadcastInfo(state="waiting")
        url = f"/api/meetings/{meeting_id}/broadcast/{decided.recording_id}/index.m3u8"
        return BroadcastInfo(state="live", playlist_url=url)

    async def playlist(self, actor: Actor, meeting_id: str, recording_id: str) -> Playlist:
        """Raises the same, and StoreError. Also just after the end, so that players see it."""
        await self._check(actor, meeting_id, recording_id)
        self._tell_recorder(recording_id)
        try:
            if self._follows(actor, recording_id):
                return await self._objects.next_playlist(recording_id)
            return await self._objects.playlist(recording_id)
        except ObjectMissingError as error:
            raise NotFoundError("nothing to play yet") from error

    async def media(self, actor: Actor, meeting_id: str, recording_id: str, name: str) -> bytes:
        """Raises the same."""
        await self._check(actor, meeting_id, recording_id)
        try:
            return await self._objects.media(recording_id, name)
        except ObjectMissingError as error:
            raise NotFoundError("no such object") from error

    async def still(self, actor: Actor, meeting_id: str) -> Still | None:
        """None: there is nothing to be seen. Raises AppError FORBIDDEN, REMOVED, NOT_FOUND, RATE_LIMITED."""
        self._limit(self._still_rate, actor)
        admitted = await admit(self._services, actor, meeting_id)
        recording = admitted.recording
        running = recording.state in (RecordingState.RECORDING, RecordingState.STALLED)
        if recording.recording_id is None or not running or admitted.state not in _OPEN:
            return None
        return await self._stills.newest(recording.recording_id)

    def _follows(self, actor: Actor, recording_id: str) -> bool:
        """Whether this is not its first question: somebody who begins shall not wait."""
        now_ms = self._services.clock.monotonic_ms()
        key = (actor.account_id, recording_id)
        asked_ms = self._asked_ms.pop(key, None)
        self._asked_ms[key] = now_ms
        if len(self._asked_ms) > MAX_FOLLOWERS:
            self._asked_ms.popitem(last=False)
        return asked_ms is not None and now_ms - asked_ms < FOLLOWS_MS

    async def _check(self, actor: Actor, meeting_id: str, recording_id: str) -> None:
        self._limit(self._object_rate, actor)
        admitted = await admit(self._services, actor, meeting_id)
        await check_recording(self._services, meeting_id, admitted, recording_id)

    def _limit(self, rate: RateLimit, actor: Actor) -> None:
        if not rate.allow(actor.account_id, self._services.clock.monotonic_ms()):
            raise AppError(ErrorCode.RATE_LIMITED, "too many requests for this meeting", retryable=True)

    def _tell_recorder(self, recording_id: str) -> None:
        """For short segments. Nobody waits for it."""
        now_ms = self._services.clock.monotonic_ms()
        if now_ms - self._told_ms.get(recording_id, -TELL_EVERY_MS) < TELL_EVERY_MS:
            return
        self._told_ms = {key: at_ms for key, at_ms in self._told_ms.items() if now_ms - at_ms < TELL_EVERY_MS}
        self._told_ms[recording_id] = now_ms
        task = asyncio.create_task(self._tell(recording_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, recording_id: str) -> None:
        try:
            await self._services.recorders.watched(recording_id)
        except WorkerCallError:
            count("broadcast_recorder_not_told")


def verdict(admitted: Admitted) -> Verdict:
    recording = admitted.recording
    if admitted.state in _OVER:
        return Verdict(None, "ended")
    if admitted.state not in _OPEN:
        return Verdict(None, "not_live")
    if recording.state == RecordingState.FAILED:
        return Verdict(None, "recording_failed")
    if recording.code in (ErrorCode.RECORDER_UNAVAILABLE, ErrorCode.STORE_AWAY):
        return Verdict(None, recording.code)
    if recording.state in _RUNNING:
        return Verdict(recording.recording_id, None)
    return Verdict(None, None if admitted.records else "not_recorded")
