"""Replay over HTTP: the page's data, HLS objects from the object store, watch sessions and heartbeats, my tasks."""

from __future__ import annotations

import re

from aiohttp import web

from recordings.errors import ObjectMissingError, RangeError
from server.broadcast.admission import refuse_removed
from server.errors import NotFoundError
from server.http.ranges import RANGE, span
from server.http.routing import Call, Route
from server.protocol.base import Message
from server.protocol.http import Heartbeat, HeartbeatAnswer, MakeupTaskInfo, Replay, WatchSession

# What the recorder writes (recordings/control.py): nothing else is ever asked of the store.
_OBJECT = re.compile(r"index\.m3u8|init[0-9]{1,6}\.mp4|[0-9]{6,9}\.m4s", re.ASCII)
_RECORDING_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TYPES = {"m3u8": "application/vnd.apple.mpegurl", "mp4": "video/mp4", "m4s": "video/iso.segment"}

_PLAYLIST_CACHE = "private, no-cache"  # it grows while the lesson runs
_MEDIA_CACHE = "private, max-age=86400, immutable"  # an object never changes; no shared cache may keep it


class MakeupTasks(Message):
    """``GET /api/makeup``."""

    tasks: tuple[MakeupTaskInfo, ...]


async def replay(call: Call) -> Replay:
    recording_id = _recording_id(call)
    await _check_right(call, recording_id)
    found = await call.services.makeup.replay(recording_id, call.who)
    await call.services.access_log.note(call.who, "open_replay", recording_id)
    return found


async def hls_object(call: Call) -> web.Response:
    """One object of the recording, whole or a range of it. The right to it is asked for every time."""
    recording_id, name = _recording_id(call), call.arg("name")
    if not _OBJECT.fullmatch(name):
        raise NotFoundError("no such object")
    await _check_right(call, recording_id)
    if name.startswith("init"):  # a player needs one before anything else: so each playing is noted, not each object
        await call.services.access_log.note(call.who, "play_recording", recording_id)
    key = f"rec/{recording_id}/{name}"
    extension = name.rpartition(".")[2]
    headers = {
        "Content-Type": _TYPES[extension],
        "Cache-Control": _PLAYLIST_CACHE if extension == "m3u8" else _MEDIA_CACHE,
        "Accept-Ranges": "bytes",
    }
    try:
        return await _object(call, key, headers)
    except ObjectMissingError as error:
        raise NotFoundError("no such object") from error


async def _check_right(call: Call, recording_id: str) -> None:
    """A recording can be followed while it runs: whom the host removed from the room hears no more of it this way
    either, until it is over."""
    meeting_id = await call.services.makeup.check_right(recording_id, call.who)
    room = call.services.rooms.get(meeting_id)
    if room is not None and not room.is_over:
        refuse_removed(room, call.who)


async def _object(call: Call, key: str, headers: dict[str, str]) -> web.Response:
    store, wanted = call.services.store, RANGE.fullmatch(call.request.headers.get("Range", ""))
    if wanted is None:
        return web.Response(body=await store.get(key), headers=headers)
    size = (await store.stat(key)).size
    start, end = span(wanted, size)
    try:
        if start >= end:
            raise RangeError(key)
        body = await store.get(key, start, end)
    except RangeError:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{start + len(body) - 1}/{size}"
    return web.Response(status=206, body=body, headers=headers)


async def watch(call: Call) -> WatchSession:
    """Noted once per session, with the session's beginning."""
    recording_id = _recording_id(call)
    session = await call.services.makeup.watch(recording_id, call.who)
    await call.services.access_log.note(call.who, "watch_recording", recording_id)
    return session


async def heartbeat(call: Call) -> HeartbeatAnswer:
    return await call.services.makeup.heartbeat(call.arg("session_id"), call.body)


async def makeup_tasks(call: Call) -> MakeupTasks:
    return MakeupTasks(tasks=await call.services.makeup.all_tasks_of(call.who.member_id))


def _recording_id(call: Call) -> str:
    recording_id = call.arg("recording_id")
    if not _RECORDING_ID.fullmatch(recording_id):
        raise NotFoundError("no such recording")
    return recording_id


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/recordings/{recording_id}", replay, "session", "The replay page", answer=Replay),
    Route("GET", "/api/recordings/{recording_id}/hls/{name}", hls_object, "session", "Playlist, init or media segment"),
    Route(
        "POST",
        "/api/recordings/{recording_id}/watch",
        watch,
        "session",
        "Begin to watch for credit",
        answer=WatchSession,
    ),
    Route(
        "POST",
        "/api/watch/{session_id}/heartbeat",
        heartbeat,
        "watch",
        "What was played since the last heartbeat",
        body=Heartbeat,
        answer=HeartbeatAnswer,
    ),
    Route("GET", "/api/makeup", makeup_tasks, "session", "My make-up tasks", answer=MakeupTasks),
)
