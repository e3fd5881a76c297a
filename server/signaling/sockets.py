"""python-socketio's server as we need it: WebSockets only, short pings, and bounds on what one socket may make us hold.

Browsers may send little; a worker that comes back tells of all its rooms in one message. Which of the two a socket is
shows only after its CONNECT, so the library's own limit is the workers' and the browsers' one is asked here, before a
message is parsed. The two private methods are the library's only places for that; a test of ours holds them down.
"""

from __future__ import annotations

import time
from typing import Any

import socketio

from media.control import NAMESPACE as MEDIA_NAMESPACE
from recordings.control import NAMESPACE as RECORDINGS_NAMESPACE
from server.auth.origins import origin_allowed
from server.protocol.base import MAX_MESSAGE_BYTES
from server.settings import Settings
from server.telemetry.counters import count

# A vanished client is to be seen as unstable within 6 s, also one without any media.
PING_INTERVAL_S = 3
PING_TIMEOUT_S = 5
ANSWER_WITHIN_S = 2.0  # a ping that waits longer for its answer speaks against its socket
# What is a little over the limit still gets a coded answer; what is far over ends the connection.
HARD_LIMIT_BYTES = 2 * MAX_MESSAGE_BYTES
# Some seven thousand participants, all rooms of a worker together.
WORKER_LIMIT_BYTES = 1024 * 1024
# Nothing of ours has any. Some are let through, so that their sender gets a coded answer as well.
MAX_ATTACHMENTS = 4
_WORKERS = (MEDIA_NAMESPACE, RECORDINGS_NAMESPACE)
_BINARY = ("5", "6")  # packet types of Socket.IO: they announce how many attachments follow


class Sockets(socketio.AsyncServer):  # type: ignore[misc]
    """Ends a connection whose message is far too large or has far too many attachments, or that wants nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._strangers: set[str] = set()

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        if self._is_within_bounds(eio_sid, data):
            await super()._handle_eio_message(eio_sid, data)
        else:
            count("messages_out_of_bounds")
            await self.eio.disconnect(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._binary_packet.pop(eio_sid, None)  # the library keeps what waited for its attachments for ever
        await super()._handle_eio_disconnect(eio_sid, reason)

    async def end_strangers(self) -> None:
        """Sockets that were in no namespace at the last call and still are in none: they only take up room."""
        strangers = {eio_sid for eio_sid in self.eio.sockets if not self._is_in(eio_sid, "/", *_WORKERS)}
        for eio_sid in strangers & self._strangers:
            count("strangers_disconnected")
            await self.eio.disconnect(eio_sid)
        self._strangers = strangers

    def silent_ms(self, sid: str) -> int:
        """How long ago a browser's socket proved that somebody is there, once a ping has waited too long for its
        answer; 0 before that. The library ends such a socket too, but as much as twenty seconds later, because it waits
        for its farewell."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        socket = self.eio.sockets.get(eio_sid)
        pinged_s = socket.last_ping if socket is not None else None  # None: the last one was answered
        if not pinged_s:
            return 0
        waited_s = time.time() - pinged_s
        # The next ping is sent an interval after the last answer.
        return int((waited_s + PING_INTERVAL_S) * 1000) if waited_s >= ANSWER_WITHIN_S else 0

    def _is_within_bounds(self, eio_sid: str, data: str | bytes) -> bool:
        if isinstance(data, str) and data.startswith(_BINARY) and _attachments(data) > MAX_ATTACHMENTS:
            return False
        return len(data) <= HARD_LIMIT_BYTES or self._is_worker(eio_sid)

    def _is_worker(self, eio_sid: str) -> bool:
        """It gave the token: else it would have no place in such a namespace."""
        return self._is_in(eio_sid, *_WORKERS)

    def _is_in(self, eio_sid: str, *namespaces: str) -> bool:
        return any(self.manager.sid_from_eio_sid(eio_sid, namespace) for namespace in namespaces)


def make_sockets(settings: Settings) -> Sockets:
    def allowed(origin: str | None, environ: dict[str, Any]) -> bool:
        return origin_allowed(origin, environ.get("HTTP_HOST", ""), settings.public_origins)

    manager = socketio.AsyncRedisManager(settings.redis_url) if settings.redis_url else None
    return Sockets(
        async_mode="aiohttp",
        client_manager=manager,
        cors_allowed_origins=allowed,
        ping_interval=PING_INTERVAL_S,
        ping_timeout=PING_TIMEOUT_S,
        max_http_buffer_size=WORKER_LIMIT_BYTES,
        transports=["websocket"],
        logger=False,
        engineio_logger=False,
    )


def _attachments(packet: str) -> int:
    """``51-["name",…]`` announces one."""
    number = packet[1:].partition("-")[0]
    return int(number) if number.isdecimal() and len(number) < 10 else MAX_ATTACHMENTS + 1
