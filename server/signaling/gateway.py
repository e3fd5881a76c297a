"""The door of Socket.IO for browsers, and with sockets.py and server/workers the only one that knows the library.

Owns sid ↔ Session. Accepts a connection with a good ticket or resume token only; every refusal carries a stable code.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import socketio
from aiohttp import web
from pydantic import ValidationError

from server.auth.rate import RateLimit
from server.auth.turn import TurnServers
from server.error_map import error_info, wrong_fields
from server.errors import AppError
from server.protocol.base import PROTOCOL_VERSION
from server.protocol.codes import ErrorCode
from server.protocol.commands import ConnectAuth
from server.rooms.room import Room
from server.services import Services
from server.signaling.dispatch import PATIENCE, Dispatcher
from server.signaling.notifier import Notifier
from server.signaling.rate import TokenBucket
from server.signaling.resume import ResumeTokens
from server.signaling.session import Session
from server.signaling.sockets import Sockets, make_sockets
from server.storage.secrets import installation_secret
from server.telemetry.counters import count

HOUSEKEEPING_S = 60.0
# One member entering one room, with tickets and resume tokens together. Tickets have a limit of their own (tickets.py);
# a page on a bad network comes back every few seconds.
ENTRIES_PER_MINUTE = 30

_logger = logging.getLogger(__name__)


async def attach(app: web.Application, services: Services) -> Gateway:
    """Wires rooms, workers and sockets together. Before ``services.rooms.recover()`` and before the app serves."""
    tokens = ResumeTokens(await installation_secret(services.db, services.clock, "resume_key"))
    gateway = Gateway(services, tokens)
    gateway.sio.attach(app)
    services.rooms.connect(gateway.notifier, services.media, services.recorders)
    services.media.attach(gateway.sio, services.rooms.news)
    services.recorders.attach(gateway.sio, services.rooms.news, services.media)
    services.media.moved_listeners.append(services.recorders.handle_moved)
    return gateway


class Gateway:
    """``close`` at the end, after the HTTP server and before the rooms."""

    def __init__(self, services: Services, tokens: ResumeTokens) -> None:
        self._services = services
        self._tokens = tokens
        self._sessions: dict[str, Session] = {}
        self._entries = RateLimit(ENTRIES_PER_MINUTE / 60, ENTRIES_PER_MINUTE)
        self.sio = make_sockets(services.settings)
        self.notifier = Notifier(_SocketWire(self.sio))
        turn = TurnServers(services.settings.turn_urls, services.settings.turn_secret, services.clock)
        self._dispatcher = Dispatcher(services.rooms, tokens, services.clock, turn)
        self.sio.on("connect", self._handle_connect)
        self.sio.on("disconnect", self._handle_disconnect)
        self.sio.on("*", self._handle_message)
        self._housekeeping = asyncio.create_task(self._keep_house())

    async def close(self) -> None:
        """Idempotent."""
        self._housekeeping.cancel()
        await asyncio.gather(self._housekeeping, return_exceptions=True)
        await self.notifier.close()
        await self._services.recorders.close()
        await self._services.media.close()
        await self.sio.shutdown()

    async def _handle_connect(self, sid: str, _environ: dict[str, Any], auth: Any = None) -> None:
        try:
            self._sessions[sid] = await self._admit(sid, auth)
        except Exception as error:
            count("connections_refused")
            info = error_info(error)
            raise socketio.exceptions.ConnectionRefusedError(info.code.value, info.model_dump(mode="json")) from None

    async def _admit(self, sid: str, raw: Any) -> Session:
        auth = _parse_auth(raw)
        if auth.ticket is not None:
            claims = self._services.tickets.redeem(auth.ticket)
            self._check_entries(claims.meeting_id, claims.member_id)
            room = await self._services.rooms.enter(claims.meeting_id)
            # The ticket is a minute old: rights are read again, from the room's own roll.
            self._services.rooms.seats.admit(room, claims.member_id)
            session = self._session(sid, room, claims.member_id, claims.device, None)
            session.companion = auth.companion
            return session
        resumed = self._tokens.read(auth.resume_token or "")
        self._check_entries(resumed.meeting_id, resumed.member_id)
        room = await self._services.rooms.enter(resumed.meeting_id)
        self._services.rooms.seats.resumable(room, resumed.member_id, resumed.epoch)
        return self._session(sid, room, resumed.member_id, resumed.device, resumed.epoch)

    def _check_entries(self, meeting_id: str, member_id: str) -> None:
        if not self._entries.allow(f"{member_id}:{meeting_id}", self._services.clock.monotonic_ms()):
            raise AppError(ErrorCode.RATE_LIMITED, "this member enters the room too often", retryable=True)

    def _session(self, sid: str, room: Room, member_id: str, device: str, epoch: int | None) -> Session:
        now = self._services.clock.monotonic_ms()
        return Session(sid, room, member_id, device, epoch, TokenBucket(now), now)

    async def _handle_disconnect(self, sid: str, reason: str) -> None:
        session = self._sessions.pop(sid, None)
        if session is None:
            return
        # A join that still waits for the room's lock sits down before the disconnect behind it stands up again; one
        # that has not begun is refused. Else the seat would be held by a socket that is not there any more.
        session.gone = True
        silent_ms = 0
        if reason != self.sio.reason.CLIENT_DISCONNECT:
            since_heard_ms = self._services.clock.monotonic_ms() - session.heard_ms
            silent_ms = min(self.sio.silent_ms(sid), since_heard_ms)
        await self._services.rooms.disconnect(session.room, sid, silent_ms)

    async def _handle_message(self, event: str, sid: str, *args: Any) -> dict[str, Any] | None:
        session = self._sessions.get(sid)
        if session is None:
            return None
        answer = await self._dispatcher.handle(session, event, args)
        if session.refused > PATIENCE:
            _logger.warning("connection of member=%s ended: too many messages", session.member_id)
            count("connections_flooding")
            await self.sio.disconnect(sid)
        return answer

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                await self.sweep()
            except Exception:
                _logger.exception("sweep of connections")

    async def sweep(self) -> None:
        """Forgets what nobody needs any more: answers of who is gone, sockets that never ask to enter, and sessions
        whose socket ended while it was being admitted, so that its disconnect came before the session."""
        self._dispatcher.forget_the_gone()
        await self.sio.end_strangers()
        for sid in [sid for sid in self._sessions if not self.sio.manager.is_connected(sid, "/")]:
            await self._handle_disconnect(sid, self.sio.reason.TRANSPORT_ERROR)


class _SocketWire:
    """server.signaling.notifier.Wire."""

    def __init__(self, sio: Sockets) -> None:
        self._sio = sio

    async def emit(self, event: str, data: dict[str, Any], to: str) -> None:
        await self._sio.emit(event, data, to=to)

    async def enter(self, sid: str, group: str) -> None:
        if self._sio.manager.is_connected(sid, "/"):  # it may be gone already
            await self._sio.enter_room(sid, group)

    async def leave(self, sid: str, group: str) -> None:
        await self._sio.leave_room(sid, group)

    async def disconnect(self, sid: str) -> None:
        await self._sio.disconnect(sid)

    def silent_ms(self, sid: str) -> int:
        return self._sio.silent_ms(sid)


def _parse_auth(raw: Any) -> ConnectAuth:
    """Exactly one of ticket and resume token, of our protocol version."""
    if isinstance(raw, dict) and raw.get("protocol") != PROTOCOL_VERSION:
        raise AppError(ErrorCode.PROTOCOL_VERSION, f"this server speaks version {PROTOCOL_VERSION}")
    try:
        auth = ConnectAuth.model_validate(raw)
    except ValidationError as error:
        raise AppError(ErrorCode.BAD_REQUEST, "auth is not well formed", fields=wrong_fields(error)) from error
    if (auth.ticket is None) == (auth.resume_token is None):
        raise AppError(ErrorCode.BAD_REQUEST, "auth has either a ticket or a resume token")
    return auth
