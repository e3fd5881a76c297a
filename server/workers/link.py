"""One connected worker: who it is, and acknowledged calls to it. Media workers and recorders alike."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import socketio
from pydantic import BaseModel, ConfigDict, ValidationError

from media.control import WorkerAuth
from server.telemetry.counters import count

CALL_TIMEOUT_S = 5.0
A = TypeVar("A", bound=BaseModel)


class WorkerCallError(Exception):
    """The worker refused (``code`` is its own) or did not answer (``code`` None)."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Refusal(BaseModel):
    model_config = ConfigDict(extra="ignore")
    code: str
    message: str = ""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    ok: bool
    data: dict[str, Any] | None = None
    error: _Refusal | None = None


@dataclass(slots=True)
class WorkerLink:
    """``gone`` is set when the connection ended, so that no call waits for a dead worker."""

    worker_id: str
    sid: str
    namespace: str
    sio: socketio.AsyncServer
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    counters: dict[str, int] = field(default_factory=dict)

    async def call(self, message: BaseModel, answer: type[A]) -> A:
        """Raises WorkerCallError."""
        return self._parse(await self._ask(message), answer)

    async def tell(self, message: BaseModel) -> None:
        """A call whose answer carries nothing. Raises WorkerCallError."""
        self._data(await self._ask(message))

    async def _ask(self, message: BaseModel) -> Any:
        name = str(getattr(message, "NAME"))  # noqa: B009 (every control message has one; its base class does not say so)
        call = asyncio.create_task(
            self.sio.call(
                name, message.model_dump(mode="json"), to=self.sid, namespace=self.namespace, timeout=CALL_TIMEOUT_S
            )
        )
        gone = asyncio.create_task(self.gone.wait())
        try:
            await asyncio.wait((call, gone), return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise WorkerCallError(None, f"{self.worker_id} went away during {name}")
            return call.result()
        except (socketio.exceptions.SocketIOError, OSError) as error:
            count("worker_call_timeouts")
            raise WorkerCallError(None, f"{self.worker_id} does not answer {name}") from error
        finally:
            call.cancel()
            gone.cancel()
            await asyncio.gather(call, gone, return_exceptions=True)

    def _parse(self, raw: Any, answer: type[A]) -> A:
        try:
            return answer.model_validate(self._data(raw))
        except ValidationError as error:
            raise WorkerCallError(None, f"{self.worker_id} answered nonsense") from error

    def _data(self, raw: Any) -> dict[str, Any]:
        try:
            parsed = _Answer.model_validate(raw)
        except ValidationError as error:
            raise WorkerCallError(None, f"{self.worker_id} answered nonsense") from error
        if not parsed.ok:
            refusal = parsed.error or _Refusal(code="internal_error")
            raise WorkerCallError(refusal.code, refusal.message)
        return parsed.data or {}


class WorkerHost(Protocol):
    """Who keeps the links of one kind of worker."""

    def handle_connect(self, sid: str, auth: Any) -> None: ...

    def handle_disconnect(self, sid: str) -> None: ...

    async def handle_event(self, sid: str, name: str, raw: Any) -> dict[str, Any] | None: ...


class WorkerNamespace(socketio.AsyncNamespace):  # type: ignore[misc]
    """Socket.IO's side: names with dots do not fit its ``on_…`` methods."""

    def __init__(self, namespace: str, host: WorkerHost) -> None:
        super().__init__(namespace)
        self._host = host

    async def trigger_event(self, event: str, *args: Any) -> Any:
        match event:
            case "connect":
                return self._host.handle_connect(args[0], args[2] if len(args) > 2 else None)
            case "disconnect":
                return self._host.handle_disconnect(args[0])
        return await self._host.handle_event(args[0], event, args[1] if len(args) > 1 else None)


def authenticated(auth: Any, token: str) -> WorkerAuth:
    """Raises Socket.IO's ConnectionRefusedError. The comparison takes the same time for every wrong token."""
    try:
        given = WorkerAuth.model_validate(auth)
    except ValidationError:
        given = WorkerAuth(token="", worker_id="")
    if not token or not hmac.compare_digest(given.token.encode(), token.encode()):
        count("workers_refused")
        raise socketio.exceptions.ConnectionRefusedError("forbidden", {"code": "forbidden", "message": "wrong token"})
    return given


def parsed(model: type[A], raw: Any) -> A | None:
    """What a worker sent, or None (and counted) when it is not well formed."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        count("worker_messages_malformed")
        return None
