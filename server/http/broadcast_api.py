"""The broadcast over HTTP: where it plays, its playlist and segments while the meeting is live, and stills."""

from __future__ import annotations

import re

from aiohttp import web

from server.broadcast.service import Broadcasts
from server.errors import NotFoundError
from server.http.ranges import ranged
from server.http.routing import Call, Route
from server.protocol.ways import BroadcastInfo

_OBJECT = re.compile(r"init[0-9]{1,6}\.mp4|[0-9]{6,9}\.m4s", re.ASCII)
_RECORDING_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PLAYLIST = "index.m3u8"
_PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
_TYPES = {"mp4": "video/mp4", "m4s": "video/iso.segment"}
_MEDIA_CACHE = "private, max-age=86400, immutable"  # an object never changes; no shared cache may keep it
_STILL_CACHE = "private, no-cache"  # kept, and asked for again with its tag

BROADCASTS = web.AppKey("broadcasts", Broadcasts)


async def broadcast(call: Call) -> BroadcastInfo:
    return await _broadcasts(call).info(call.who, call.arg("meeting_id"))


async def broadcast_object(call: Call) -> web.Response:
    """The right to it is asked for every time."""
    meeting_id, recording_id, name = call.arg("meeting_id"), call.arg("recording_id"), call.arg("name")
    if not _RECORDING_ID.fullmatch(recording_id):
        raise NotFoundError("no such broadcast")
    if name == _PLAYLIST:
        return await _playlist(call, meeting_id, recording_id)
    if not _OBJECT.fullmatch(name):
        raise NotFoundError("no such object")
    body = await _broadcasts(call).media(call.who, meeting_id, recording_id, name)
    if name.startswith("init"):  # a player needs one before anything else: so each playing is noted, not each object
        await call.services.access_log.note(call.who, "play_broadcast", recording_id)
    return ranged(call.request, body, _TYPES[name.rpartition(".")[2]], _MEDIA_CACHE)


async def _playlist(call: Call, meeting_id: str, recording_id: str) -> web.Response:
    """Packed: it names every segment since the beginning, and is fetched every two seconds."""
    found = await _broadcasts(call).playlist(call.who, meeting_id, recording_id)
    headers = {"Content-Type": _PLAYLIST_TYPE, "Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if "gzip" in call.request.headers.get("Accept-Encoding", ""):
        return web.Response(body=found.zipped, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=found.text, headers=headers)


async def still(call: Call) -> web.Response:
    """204: nothing is to be seen. 304: the same as before, however its bytes changed on the way here."""
    found = await _broadcasts(call).still(call.who, call.arg("meeting_id"))
    if found is None:
        return web.Response(status=204)
    tag = f'"{found.etag}"'
    headers = {"ETag": tag, "Cache-Control": _STILL_CACHE}
    if tag in [item.strip().removeprefix("W/") for item in call.request.headers.get("If-None-Match", "").split(",")]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.jpeg, content_type="image/jpeg", headers=headers)


def _broadcasts(call: Call) -> Broadcasts:
    return call.request.app[BROADCASTS]


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/api/meetings/{meeting_id}/broadcast",
        broadcast,
        "session",
        "The running program as HLS: where it plays, or why it does not",
        answer=BroadcastInfo,
    ),
    Route(
        "GET",
        "/api/meetings/{meeting_id}/broadcast/{recording_id}/{name}",
        broadcast_object,
        "session",
        "Playlist, init or media segment of the broadcast",
    ),
    Route(
        "GET",
        "/api/meetings/{meeting_id}/still",
        still,
        "session",
        "The newest keyframe of the running program as a JPEG",
    ),
)
