"""Stands for our server: a real python-socketio server on aiohttp that workers connect to, and verbs for the calls."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

import socketio
from aiohttp import web

from media import control

TOKEN = "a worker token of the tests"


class ControlServer:
    """One namespace, at most one worker at a time; remembers every event."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.sio = socketio.AsyncServer(async_mode="aiohttp", ping_interval=5, ping_timeout=5)
        self.app = web.Application()
        self.sio.attach(self.app)
        self.app.router.add_get("/page", _page)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.hellos: list[control.WorkerHello] = []
        self.sid: str | None = None
        self.port = 0
        self._runner: web.AppRunner | None = None
        self.sio.on("connect", self._on_connect, namespace=control.NAMESPACE)
        self.sio.on("disconnect", self._on_disconnect, namespace=control.NAMESPACE)
        self.sio.on("*", self._on_event, namespace=control.NAMESPACE)

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._runner = web.AppRunner(self.app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self.sio.shutdown()
            await self._runner.cleanup()
            self._runner = None

    async def call_raw(self, name: str, payload: Any) -> dict[str, Any]:
        """The acknowledgement as it comes."""
        assert self.sid is not None, "no worker is connected"
        answer = await self.sio.call(name, payload, to=self.sid, namespace=control.NAMESPACE, timeout=10)
        assert isinstance(answer, dict)
        return answer

    async def call(self, message: Any) -> dict[str, Any]:
        """The data of a call that must succeed."""
        answer = await self.call_raw(message.NAME, message.model_dump(mode="json"))
        assert answer["ok"], answer
        data = answer["data"]
        assert isinstance(data, dict)
        return data

    def seen(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """Events of this name with these fields."""
        return [
            data
            for event, data in self.events
            if event == name and all(data.get(key) == value for key, value in fields.items())
        ]

    @property
    def counters(self) -> dict[str, int]:
        """The newest statistics."""
        found = self.seen(control.WorkerStats.NAME)
        return found[-1]["counters"] if found else {}

    async def _on_connect(self, sid: str, _environ: Any, auth: Any) -> bool:
        if control.WorkerAuth.model_validate(auth).token != TOKEN:
            return False
        self.sid = sid
        return True

    async def _on_disconnect(self, sid: str, *_reason: Any) -> None:
        if self.sid == sid:
            self.sid = None

    async def _on_event(self, event: str, _sid: str, data: Any) -> dict[str, Any]:
        if event == control.WorkerHello.NAME:
            self.hellos.append(control.WorkerHello.model_validate(data))
        self.events.append((event, data))
        return {"ok": True, "data": {}}


async def _page(_request: web.Request) -> web.Response:
    """An empty page: loopback is a secure context, so that it may use cameras."""
    return web.Response(text="<!doctype html><link rel=icon href=data:,>", content_type="text/html")


async def until(condition: Callable[[], Any], what: str, timeout_s: float = 10.0) -> Any:
    """Polls for a state; fails with what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not seen within {timeout_s} s: {what}"
        await asyncio.sleep(0.02)
    return value


def pictures_of(publication_ids: tuple[str, ...]) -> tuple[control.WantedPicture, ...]:
    """As large as they come, in this order."""
    return tuple(control.WantedPicture(publication_id=one) for one in publication_ids)
