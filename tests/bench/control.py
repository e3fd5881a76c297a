"""A minimal server for media workers: the server's side of the control channel ``media.control``, on a random port."""

from __future__ import annotations

import asyncio
import secrets
from types import TracebackType
from typing import Any

import socketio
from aiohttp import web

from media.control import NAMESPACE, RoomLink, RoomOpen, WorkerAuth, WorkerHello

CALL_TIMEOUT_S = 20


class ControlServer:
    """``async with ControlServer() as server``: listens on loopback until the block ends."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self._socketio = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=1 << 20)
        self._socketio.on("connect", self._on_connect, namespace=NAMESPACE)
        self._socketio.on("*", self._on_event, namespace=NAMESPACE)
        self._sids: dict[str, str] = {}  # worker id → connection
        self._has_come = asyncio.Condition()
        application = web.Application()
        self._socketio.attach(application)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        self.url = ""

    async def __aenter__(self) -> ControlServer:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._socketio.shutdown()
        await self._runner.cleanup()

    async def _on_connect(self, _sid: str, _environ: dict[str, Any], auth: dict[str, Any]) -> None:
        if not secrets.compare_digest(WorkerAuth.model_validate(auth).token, self.token):
            raise ConnectionRefusedError("wrong token")

    async def _on_event(self, event: str, sid: str, data: dict[str, Any]) -> dict[str, Any]:
        """Every event is acknowledged; only the hello is read."""
        if event == WorkerHello.NAME:
            async with self._has_come:
                self._sids[WorkerHello.model_validate(data).worker_id] = sid
                self._has_come.notify_all()
        return {"ok": True, "data": {}}

    async def workers_ready(self, count: int, timeout_s: float) -> None:
        """Waits until so many workers have said hello. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._has_come:
            await self._has_come.wait_for(lambda: len(self._sids) >= count)

    @property
    def worker_ids(self) -> list[str]:
        return sorted(self._sids)

    async def call(self, worker_id: str, message: Any) -> dict[str, Any]:
        """Makes a call and returns the worker's acknowledgement as it came."""
        answer: dict[str, Any] = await self._socketio.call(
            message.NAME,
            message.model_dump(mode="json"),
            to=self._sids[worker_id],
            namespace=NAMESPACE,
            timeout=CALL_TIMEOUT_S,
        )
        return answer

    async def open_room(self, room_id: str, participants: int) -> None:
        """On all workers, linked with each other when there are several. Raises RuntimeError if one refuses."""
        links: dict[str, str] = {}
        for index, worker_id in enumerate(self.worker_ids):
            opening = RoomOpen(room_id=room_id, max_participants=participants, primary=index == 0)
            links[worker_id] = (await self._checked(worker_id, opening))["link"]
        if len(links) == 1:
            return
        for index, worker_id in enumerate(links):
            peers = tuple(link for other, link in links.items() if other != worker_id)
            await self._checked(worker_id, RoomLink(room_id=room_id, peers=peers, primary=index == 0))

    async def _checked(self, worker_id: str, message: Any) -> dict[str, Any]:
        answer = await self.call(worker_id, message)
        if not answer["ok"]:
            raise RuntimeError(f"{message.NAME} was refused: {answer['error']}")
        data: dict[str, Any] = answer["data"]
        return data
