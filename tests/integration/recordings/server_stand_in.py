"""A small real Socket.IO server in the place of ours: takes a recorder's events, makes calls."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

import socketio
from aiohttp import web

from recordings.control import NAMESPACE, ControlModel, RecordingChanged, RecordingSegment


class ServerStandIn:
    """Acknowledges every event, as the server does."""

    def __init__(self, token: str, tls: ssl.SSLContext | None = None) -> None:
        self._token = token
        self._tls = tls
        self._io = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins=[])
        self._sid: str | None = None
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.hellos: list[dict[str, Any]] = []
        self.changes: list[RecordingChanged] = []
        self.segments: list[RecordingSegment] = []
        self.stats: list[dict[str, Any]] = []
        self._io.on("connect", self._connect, namespace=NAMESPACE)
        self._io.on("disconnect", self._disconnect, namespace=NAMESPACE)
        self._io.on("recorder.hello", self._hello, namespace=NAMESPACE)
        self._io.on("recording.changed", self._changed, namespace=NAMESPACE)
        self._io.on("recording.segment", self._segment, namespace=NAMESPACE)
        self._io.on("recorder.stats", self._stats, namespace=NAMESPACE)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        self._io.attach(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await self._io.shutdown()
            await runner.cleanup()

    async def call(self, message: ControlModel) -> dict[str, Any]:
        """The recorder's answer."""
        return await self.raw_call(str(message.NAME), message.model_dump(mode="json"))  # type: ignore[attr-defined]

    async def raw_call(self, name: str, data: object) -> dict[str, Any]:
        await wait_for(lambda: self._sid is not None, "no recorder is connected")
        answer = await self._io.call(name, data, to=self._sid, namespace=NAMESPACE, timeout=5)
        return dict(answer)

    def last(self, recording_id: str) -> RecordingChanged | None:
        return next((each for each in reversed(self.changes) if each.recording_id == recording_id), None)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: dict[str, Any]) -> bool:
        return auth.get("token") == self._token

    async def _disconnect(self, sid: str, reason: str) -> None:
        if sid == self._sid:
            self._sid = None

    async def _hello(self, sid: str, data: dict[str, Any]) -> None:
        self.hellos.append(data)
        self._sid = sid

    async def _changed(self, sid: str, data: dict[str, Any]) -> None:
        self.changes.append(RecordingChanged.model_validate(data))

    async def _segment(self, sid: str, data: dict[str, Any]) -> None:
        self.segments.append(RecordingSegment.model_validate(data))

    async def _stats(self, sid: str, data: dict[str, Any]) -> None:
        self.stats.append(data)


async def wait_for(condition: Callable[[], object], message: str, deadline_s: float = 20.0) -> None:
    """Polls until the condition holds; fails with the message."""
    until = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(message)
        await asyncio.sleep(0.02)
