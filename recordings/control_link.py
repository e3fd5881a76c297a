"""The connection to the server: the one door to Socket.IO. Calls come in and are answered, events go out in order.

It lives as long as the process and connects again for ever. Events wait until the server has acknowledged them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import aiohttp
import socketio
from pydantic import ValidationError
from socketio.exceptions import SocketIOError

from media.control import WorkerAuth
from recordings.control import NAMESPACE, ControlModel, RecorderHello

FIRST_RETRY_S, MAX_RETRY_S = 0.1, 1.0
ACK_S = 5.0
DISCONNECT_S = 0.5
EVENT_ACK_S = 40.0  # the server acknowledges what is in its log, and may wait for its database meanwhile
_log = logging.getLogger(__name__)

Call = Callable[[Any], Awaitable[ControlModel | None]]  # what it returns is the answer's data


class CallRefusedError(Exception):
    """A handler's answer to a call that cannot be done; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Outgoing(NamedTuple):
    event: ControlModel
    done: Callable[[], None] | None


class ControlLink:
    """``calls`` maps each kind of call to its handler; ``hello`` opens every connection."""

    def __init__(
        self,
        url: str,
        auth: WorkerAuth,
        tls_verify: bool,
        hello: Callable[[], RecorderHello],
        calls: Mapping[type[ControlModel], Call],
        connected: Callable[[], None],
    ) -> None:
        self._url = url
        self._auth = auth
        self._tls_verify = tls_verify
        self._hello = hello
        self._connected = connected
        self._outgoing: deque[_Outgoing] = deque()
        self._something = asyncio.Event()
        self._open = asyncio.Event()
        self._lost = asyncio.Event()
        self.counters = {"connects": 0, "calls": 0, "refused": 0, "resent_events": 0}
        self._http = aiohttp.ClientSession()
        self._client = self._make_client(calls)

    async def run(self) -> None:
        """Until cancelled."""
        sender = asyncio.create_task(self._send_forever(), name="control outbox")
        try:
            delay_s = FIRST_RETRY_S
            while True:
                if await self._session():
                    delay_s = FIRST_RETRY_S
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, MAX_RETRY_S)
        finally:
            sender.cancel()
            ending = (sender, asyncio.create_task(self._client.disconnect()))
            await asyncio.wait(ending, timeout=DISCONNECT_S)
            await self._http.close()

    def send(self, event: ControlModel, done: Callable[[], None] | None = None) -> None:
        """In order, until acknowledged; then ``done`` is called."""
        self._outgoing.append(_Outgoing(event, done))
        self._something.set()

    async def send_if_connected(self, event: ControlModel) -> None:
        """For what is worth nothing later."""
        if self._open.is_set():
            with suppress(SocketIOError):
                await self._client.emit(_name(event), event.model_dump(mode="json"), namespace=NAMESPACE)

    async def _session(self) -> bool:
        """One connection from its beginning to its end. False when there was none."""
        try:
            await self._client.connect(
                self._url,
                auth=self._auth.model_dump(),
                namespaces=[NAMESPACE],
                transports=["websocket"],
                wait_timeout=ACK_S,
            )
            hello = self._hello()
            await self._client.call(_name(hello), hello.model_dump(mode="json"), namespace=NAMESPACE, timeout=ACK_S)
        except (TimeoutError, SocketIOError, aiohttp.ClientError, OSError, ValueError) as error:
            _log.debug("control link: %r", error)
            with suppress(SocketIOError, OSError):
                await self._client.disconnect()
            return False
        self.counters["connects"] += 1
        self._connected()
        self._lost.clear()
        self._open.set()
        try:
            await self._client.wait()
        finally:
            self._open.clear()
            self._lost.set()
        return True

    async def _send_forever(self) -> None:
        delay_s = FIRST_RETRY_S
        while True:
            await self._open.wait()
            if not self._outgoing:
                self._something.clear()
                await self._something.wait()
                continue
            event, done = self._outgoing[0]
            if not await self._deliver(event):
                self.counters["resent_events"] += 1
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, MAX_RETRY_S)
                continue
            delay_s = FIRST_RETRY_S
            self._outgoing.popleft()
            if done is not None:
                done()

    async def _deliver(self, event: ControlModel) -> bool:
        """Whether the server has acknowledged it. No acknowledgement outlives its connection."""
        data = event.model_dump(mode="json")
        call = asyncio.create_task(self._client.call(_name(event), data, namespace=NAMESPACE, timeout=EVENT_ACK_S))
        lost = asyncio.create_task(self._lost.wait())
        try:
            await asyncio.wait((call, lost), return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                call.result()
            return call.done()
        except (SocketIOError, OSError) as error:
            _log.warning("control link: %s was not acknowledged: %r", _name(event), error)
            return False
        finally:
            call.cancel()
            lost.cancel()

    def _make_client(self, calls: Mapping[type[ControlModel], Call]) -> Any:
        client = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, ssl_verify=self._tls_verify, http_session=self._http
        )
        for model, call in calls.items():
            client.on(_name(model), self._handler(model, call), namespace=NAMESPACE)
        return client

    def _handler(self, model: type[ControlModel], call: Call) -> Callable[[Any], Awaitable[dict[str, Any]]]:
        async def handle(data: Any = None) -> dict[str, Any]:
            self.counters["calls"] += 1
            try:
                answer = await call(model.model_validate(data))
            except ValidationError as error:
                return self._refuse("bad_request", f"{error.error_count()} fields are wrong")
            except CallRefusedError as error:
                return self._refuse(error.code, str(error))
            except Exception:
                _log.exception("control link: %s", _name(model))
                return self._refuse("internal_error", "see the recorder's log")
            return {"ok": True, "data": answer.model_dump() if answer is not None else None}

        return handle

    def _refuse(self, code: str, message: str) -> dict[str, Any]:
        self.counters["refused"] += 1
        return {"ok": False, "error": {"code": code, "message": message}}


def _name(model: ControlModel | type[ControlModel]) -> str:
    return str(model.NAME)  # type: ignore[union-attr]
