"""Janus Gateway as a server of the bench: its configuration, its process and its videoroom over WebSockets.

Debian's package, unchanged, with the settings that suit it best here (README.md). It is told what to do as its own web
client does it: create, join, publish, subscribe, start.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import machine
from tests.bench.plan import Plan
from tests.bench.run import Backend, BenchError, stop
from tests.ports import free_port

ROOM, FEED = 1234, 1
PLUGIN = "janus.plugin.videoroom"
START_S, CALL_S = 10.0, 20.0
LIBRARIES = Path("/usr/lib")


@dataclass(frozen=True, slots=True)
class JanusOptions:
    """``event_loops``: 0 gives every PeerConnection a thread of its own, as Debian's configuration does."""

    core: int | None
    address: str
    event_loops: int


def find() -> Path | None:
    """Where the program is."""
    found = shutil.which("janus")
    return Path(found) if found else None


def _modules(kind: str) -> Path:
    """The package's folder of plugins or transports. Raises BenchError."""
    for folder in sorted(LIBRARIES.glob(f"*/janus/{kind}")):
        return folder
    raise BenchError(f"janus is installed, but its {kind} are not below {LIBRARIES}")


def _others(folder: Path, kept: str) -> str:
    """The other modules of a folder, so that Janus does not load them."""
    return ",".join(sorted(path.name for path in folder.glob("*.so") if path.name != kept))


def configure(folder: Path, options: JanusOptions, port: int, plugins: Path, transports: Path) -> None:
    """Writes the files that Janus reads: one address, ICE-lite, no STUN server, the videoroom and WebSockets only."""
    (folder / "janus.jcfg").write_text(
        f"""
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{plugins}"
    transports_folder = "{transports}"
    debug_level = 2
    debug_colors = false
    session_timeout = 0
    event_loops = {options.event_loops}
}}
nat: {{
    ice_lite = true
    ice_enforce_list = "{options.address}"
}}
media: {{
    ipv6 = false
}}
plugins: {{
    disable = "{_others(plugins, "libjanus_videoroom.so")}"
}}
transports: {{
    disable = "{_others(transports, "libjanus_websockets.so")}"
}}
events: {{
    broadcast = false
}}
"""
    )
    (folder / "janus.plugin.videoroom.jcfg").write_text("general: {}\n")
    (folder / "janus.transport.websockets.jcfg").write_text(
        f'general: {{\n    json = "compact"\n    ws = true\n    ws_port = {port}\n    ws_ip = "{options.address}"\n}}\n'
        "admin: {\n    admin_ws = false\n}\n"
    )


class _Calls:
    """Requests over one WebSocket, found again by their transaction."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._session = 0
        self._listening = asyncio.create_task(self._listen())

    async def open(self) -> None:
        self._session = (await self._request({"janus": "create"}))["data"]["id"]

    async def attach(self) -> int:
        """A handle: one PeerConnection."""
        data = (await self._request({"janus": "attach", "plugin": PLUGIN}))["data"]
        return int(data["id"])

    async def message(self, handle: int, body: dict[str, Any], jsep: dict[str, Any] | None = None) -> dict[str, Any]:
        """Has the plugin do something and returns its whole event. Raises BenchError for an error of it."""
        request: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        if jsep is not None:
            request["jsep"] = jsep
        event = await self._request(request)
        data = event["plugindata"]["data"]
        if "error" in data:
            raise BenchError(f"janus refused {body['request']}: {data['error']}")
        return event

    async def close(self) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening

    async def _request(self, message: dict[str, Any]) -> dict[str, Any]:
        transaction = secrets.token_hex(6)
        future = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        session = {"session_id": self._session} if self._session else {}
        await self._socket.send_json({**message, **session, "transaction": transaction})
        async with asyncio.timeout(CALL_S):
            answer: dict[str, Any] = await future
        if answer["janus"] == "error":
            raise BenchError(f"janus: {answer['error']['reason']}")
        return answer

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            answer = message.json()
            if answer["janus"] == "ack":  # the event that carries the answer comes later
                continue
            future = self._waiting.pop(answer.get("transaction", ""), None)
            if future is not None and not future.done():
                future.set_result(answer)


class JanusBackend:
    """One room; the publisher offers, and every subscriber is made an offer."""

    server_offers = True

    def __init__(self, process: Process, calls: _Calls, host: str) -> None:
        self.host = host
        self._process = process
        self._calls = calls
        self._handles: dict[str, int] = {}

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._process.pid,)

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = getattr(self, f"_{name}")
        return {"ok": True, "data": await answer(**arguments)}

    async def _offer(self, participant_id: str, sdp: str, publishes: bool) -> dict[str, Any]:
        handle = self._handles[participant_id] = await self._calls.attach()
        await self._calls.message(handle, {"request": "join", "ptype": "publisher", "room": ROOM, "id": FEED})
        jsep = {"type": "offer", "sdp": sdp, "trickle": False}
        event = await self._calls.message(handle, {"request": "publish"}, jsep)
        return {"sdp": event["jsep"]["sdp"]}

    async def _subscribe(self, participant_id: str) -> dict[str, Any]:
        handle = self._handles[participant_id] = await self._calls.attach()
        body = {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": [{"feed": FEED}]}
        event = await self._calls.message(handle, body)
        return {"sdp": event["jsep"]["sdp"]}

    async def _start(self, participant_id: str, sdp: str) -> dict[str, Any]:
        jsep = {"type": "answer", "sdp": sdp, "trickle": False}
        await self._calls.message(self._handles[participant_id], {"request": "start"}, jsep)
        return {}

    def obituary(self) -> str:
        status = self._process.returncode
        return "" if status is None else f" (janus had ended with status {status})"


@asynccontextmanager
async def janus_backend(plan: Plan, options: JanusOptions) -> AsyncIterator[Backend]:
    """Starts Janus and makes the room. Raises BenchError."""
    program = find()
    if program is None:
        raise BenchError("janus is missing: apt install janus")
    port = free_port(host=options.address)
    with tempfile.TemporaryDirectory(prefix="bench-janus-") as folder:
        configure(Path(folder), options, port, _modules("plugins"), _modules("transports"))
        async with _process(program, Path(folder), options.core) as process, aiohttp.ClientSession() as session:
            socket = await _connect(session, f"ws://{options.address}:{port}", process)
            calls = _Calls(socket)
            try:
                await calls.open()
                await _create_room(calls)
                yield JanusBackend(process, calls, options.address)
            finally:
                await calls.close()
                await socket.close()


async def _create_room(calls: _Calls) -> None:
    handle = await calls.attach()
    room = {"room": ROOM, "publishers": 2, "bitrate": 0, "audiocodec": "opus", "videocodec": "h264"}
    await calls.message(handle, {"request": "create", **room, "transport_wide_cc_ext": True})


@asynccontextmanager
async def _process(program: Path, folder: Path, core: int | None) -> AsyncIterator[Process]:
    # Threads inherit the processors of the one that starts them; Janus has many.
    home = os.sched_getaffinity(0)
    machine.pin(os.getpid(), core)
    try:
        process = await asyncio.create_subprocess_exec(
            *(str(program), f"--configs-folder={folder}", f"--config={folder / 'janus.jcfg'}"),
            cwd=folder,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
    finally:
        os.sched_setaffinity(0, home)
    try:
        yield process
    finally:
        await stop(process)


async def _connect(session: aiohttp.ClientSession, url: str, process: Process) -> aiohttp.ClientWebSocketResponse:
    deadline = asyncio.get_running_loop().time() + START_S
    while True:
        try:
            return await session.ws_connect(url, protocols=("janus-protocol",), max_msg_size=1 << 20)
        except aiohttp.ClientError as error:
            if process.returncode is not None:
                raise BenchError(f"janus ended with status {process.returncode} before it listened") from error
            if asyncio.get_running_loop().time() > deadline:
                raise BenchError(f"janus did not listen within {START_S:.0f} s") from error
        await asyncio.sleep(0.1)
