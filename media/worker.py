"""The control channel of a media worker: a Socket.IO client that the server calls. Only this file knows socketio.

The worker outlives the server: it reconnects for ever, says hello with its living rooms, and pictures go on meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
import socketio
from pydantic import BaseModel, ValidationError

from media import control
from media.control import NAMESPACE, MediaErrorCode
from media.errors import MediaError
from media.plane import MediaPlane
from media.settings import Settings
from media.watchdog import Watchdog

logger = logging.getLogger(__name__)
VERSION = "0.1.0"
BACKOFF_S = (0.1, 0.2, 0.4, 0.8, 1.0)
CONNECT_TIMEOUT_S = 3
HELLO_TIMEOUT_S = 5
STATS_EVERY_S = 5.0
MAX_QUEUED_EVENTS = 10_000

Call = Callable[[Any], BaseModel | None]


class Worker:
    """Runs until cancelled."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plane = MediaPlane(settings, self._queue_event)
        self._watchdog = Watchdog(self._plane.counters)
        # Models by name of the call, each with the plane's method.
        self._calls: dict[str, tuple[type[BaseModel], Call]] = {
            control.RoomOpen.NAME: (control.RoomOpen, self._plane.open_room),
            control.RoomLink.NAME: (control.RoomLink, self._plane.link_room),
            control.RoomClose.NAME: (control.RoomClose, self._plane.close_room),
            control.TransportOffer.NAME: (control.TransportOffer, self._plane.offer),
            control.TransportClose.NAME: (control.TransportClose, self._plane.close_transport),
            control.GrantsSet.NAME: (control.GrantsSet, self._plane.set_grants),
            control.ViewSet.NAME: (control.ViewSet, self._plane.set_view),
            control.QualitySet.NAME: (control.QualitySet, self._plane.set_quality),
            control.PublicationEnd.NAME: (control.PublicationEnd, self._plane.end_publication),
            control.KeyframeRequest.NAME: (control.KeyframeRequest, self._plane.request_keyframe),
        }
        self._events: deque[control.ControlModel] = deque(maxlen=MAX_QUEUED_EVENTS)
        self._has_events = asyncio.Event()
        self._is_greeted = False

    async def run(self) -> None:
        """Serves until cancelled, then closes within a second."""
        await self._plane.start()
        self._watchdog.start()
        try:
            await self._stay_connected()
        finally:
            await self._plane.close()
            await self._watchdog.close()

    # --- connection

    async def _stay_connected(self) -> None:
        attempt = 0
        async with self._http_session() as session:
            while True:
                greeted = await self._connect_once(session)
                attempt = 0 if greeted else attempt + 1
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])

    def _http_session(self) -> aiohttp.ClientSession:
        context: ssl.SSLContext | bool = True
        if not self._settings.tls_verify:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def _connect_once(self, session: aiohttp.ClientSession) -> bool:
        """One life of the control channel; whether the server took our hello."""
        client = socketio.AsyncClient(reconnection=False, http_session=session, handle_sigint=False)
        for name in self._calls:
            client.on(name, self._handler(name), namespace=NAMESPACE)
        greeted = False
        try:
            await client.connect(
                self._settings.server_url,
                namespaces=[NAMESPACE],
                transports=["websocket"],
                auth=control.WorkerAuth(
                    token=self._settings.worker_token, worker_id=self._settings.worker_id
                ).model_dump(),
                wait_timeout=CONNECT_TIMEOUT_S,
            )
            await self._greet(client)
            greeted = True
            await self._serve(client)
        except (socketio.exceptions.SocketIOError, aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.info("control channel is down: %s", type(error).__name__)
        finally:
            self._is_greeted = False
            with contextlib.suppress(Exception):  # it may be broken in any way
                async with asyncio.timeout(0.3):
                    await client.disconnect()
        return greeted

    async def _greet(self, client: socketio.AsyncClient) -> None:
        """Hello carries the whole state, so events from before it are dropped."""
        self._events.clear()
        hello = control.WorkerHello(worker_id=self._settings.worker_id, version=VERSION, rooms=self._plane.media())
        self._is_greeted = True
        await client.call(
            control.WorkerHello.NAME, hello.model_dump(mode="json"), namespace=NAMESPACE, timeout=HELLO_TIMEOUT_S
        )
        self._plane.repeat_speakers()
        logger.info("control channel is up")

    async def _serve(self, client: socketio.AsyncClient) -> None:
        """Sends events in order until the connection ends."""
        sender = asyncio.create_task(self._send_events(client))
        waiter = asyncio.create_task(client.wait())
        try:
            await asyncio.wait((sender, waiter), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, waiter):
                task.cancel()
            await asyncio.gather(sender, waiter, return_exceptions=True)

    async def _send_events(self, client: socketio.AsyncClient) -> None:
        loop = asyncio.get_running_loop()
        stats_at = loop.time()
        while client.connected:
            while self._events:
                event = self._events.popleft()
                await client.emit(event.NAME, event.model_dump(mode="json"), namespace=NAMESPACE)  # type: ignore[attr-defined]
            if loop.time() >= stats_at:
                stats_at = loop.time() + STATS_EVERY_S
                stats = control.WorkerStats(worker_id=self._settings.worker_id, counters=self._stats())
                await client.emit(stats.NAME, stats.model_dump(mode="json"), namespace=NAMESPACE)
            self._has_events.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, stats_at - loop.time())):
                    await self._has_events.wait()

    def _stats(self) -> dict[str, int]:
        return {**self._plane.stats(), **self._watchdog.gauges()}

    def _queue_event(self, event: control.ControlModel) -> None:
        if self._is_greeted:  # otherwise the next hello says it
            self._events.append(event)
            self._has_events.set()

    # --- calls

    def _handler(self, name: str) -> Callable[[Any], Any]:
        async def handle(payload: Any = None) -> dict[str, Any]:
            return self._answer(name, payload)

        return handle

    def _answer(self, name: str, payload: Any) -> dict[str, Any]:
        model, call = self._calls[name]
        try:
            result = call(model.model_validate(payload))
        except ValidationError as error:
            return _refusal(_code_of(error), f"{name} is not well formed")
        except MediaError as error:
            return _refusal(error.code, str(error))
        except Exception:
            logger.exception("call %s failed", name)
            return _refusal(MediaErrorCode.INTERNAL, "the media worker failed; see its log")
        return {"ok": True, "data": result.model_dump(mode="json") if result is not None else {}}


def _refusal(code: MediaErrorCode, message: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code.value, "message": message}}


def _code_of(error: ValidationError) -> MediaErrorCode:
    """An offer that is too long is the offer's fault, everything else the caller's."""
    is_sdp = any(item["loc"] == ("sdp",) for item in error.errors(include_input=False, include_url=False))
    return MediaErrorCode.BAD_SDP if is_sdp else MediaErrorCode.BAD_REQUEST
