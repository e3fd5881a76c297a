"""Clients of the tests: a participant over a real Socket.IO connection, and small peers that stand for workers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import aiohttp
import socketio

from media import control as media_control
from recordings import control as recordings_control
from server.protocol.base import PROTOCOL_VERSION
from server.protocol.events import ROOM_EVENTS, VOLATILE_EVENTS
from tests.integration.signaling.house import TOKEN

DEADLINE_S = 10.0
_EVENTS = {event.NAME: event for event in ROOM_EVENTS} | {event.NAME: event for event in VOLATILE_EVENTS}
_request_ids = itertools.count(1)


async def until(done: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Polls for the state, or says what is missing."""
    end = asyncio.get_running_loop().time() + deadline_s
    while not done():
        assert asyncio.get_running_loop().time() < end, f"still waiting: {what}"
        await asyncio.sleep(0.01)


class Guest:
    """Every event that arrives is checked against its model."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.joined: dict[str, Any] = {}
        self.refusal: dict[str, Any] | None = None
        self.sio: Any = None

    async def connect(self, **auth: Any) -> bool:
        """False: refused, see ``refusal``."""
        self.sio = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.sio.on("*", self._hear)
        self.sio.on("connect_error", self._refused)
        try:
            await self.sio.connect(
                self.url, auth={"protocol": PROTOCOL_VERSION, **auth}, transports=["websocket"], wait_timeout=DEADLINE_S
            )
        except socketio.exceptions.ConnectionError:
            await self.sio.disconnect()
            return False
        return True

    async def _hear(self, event: str, data: dict[str, Any]) -> None:
        _EVENTS[event].model_validate(data)
        self.events.append((event, data))

    async def _refused(self, data: Any) -> None:
        self.refusal = data

    async def ask(self, command: str, request_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """The acknowledgement."""
        payload = {"request_id": request_id or f"r{next(_request_ids)}", **fields}
        answer: dict[str, Any] = await self.sio.call(command, payload, timeout=DEADLINE_S)
        return answer

    async def do(self, command: str, **fields: Any) -> Any:
        """The data of an acknowledgement that must be good."""
        answer = await self.ask(command, **fields)
        assert answer["ok"], answer
        return answer["data"]

    async def refused(self, command: str, **fields: Any) -> str:
        """The code of a refusal."""
        answer = await self.ask(command, **fields)
        assert not answer["ok"], answer
        return str(answer["error"]["code"])

    async def join(self, **fields: Any) -> dict[str, Any]:
        self.joined = await self.do("room.join", **fields)
        return self.joined

    async def enter(self, ticket: str) -> Guest:
        assert await self.connect(ticket=ticket), self.refusal
        await self.join()
        return self

    @property
    def me(self) -> str:
        return str(self.joined["participant_id"])

    def heard(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == event]

    def revisions(self) -> list[int]:
        return [data["revision"] for _, data in self.events if "revision" in data]

    async def cut(self) -> None:
        """The network is gone: no farewell."""
        await self.sio.eio.ws.close() if self.sio.eio.ws else None
        await self.sio.disconnect()

    def vanish(self) -> None:
        """The network is gone and the socket does not know: nothing is heard, no ping is answered any more."""

        async def ignore(_packet: Any) -> None:
            return

        self.sio.eio._receive_packet = ignore

    async def close(self) -> None:
        if self.sio is not None:
            await self.sio.disconnect()


async def fetch_ticket(url: str, member_id: str, meeting_id: str = "m") -> str:
    """From a house in another process."""
    async with aiohttp.ClientSession() as session, session.post(f"{url}/ticket/{meeting_id}/{member_id}") as answer:
        return await answer.text()


class MediaPeer:
    """A worker's side of the control channel: answers calls as a worker would, and remembers them."""

    def __init__(self, url: str, worker_id: str = "w1") -> None:
        self.url = url
        self.worker_id = worker_id
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.rooms: dict[str, media_control.RoomMedia] = {}
        self.refuse: dict[str, str] = {}  # call → code
        self.sio: Any = None

    async def start(self, token: str = TOKEN) -> bool:
        self.sio = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.sio.on("*", self._answer, namespace=media_control.NAMESPACE)
        try:
            await self.sio.connect(
                self.url,
                namespaces=[media_control.NAMESPACE],
                transports=["websocket"],
                auth={"token": token, "worker_id": self.worker_id},
            )
        except socketio.exceptions.ConnectionError:
            await self.sio.disconnect()
            return False
        hello = media_control.WorkerHello(worker_id=self.worker_id, version="t", rooms=tuple(self.rooms.values()))
        await self.say(hello)
        return True

    async def say(self, event: Any) -> None:
        await self.sio.call(event.NAME, event.model_dump(mode="json"), namespace=media_control.NAMESPACE)

    async def _answer(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((event, data))
        if event in self.refuse:
            return {"ok": False, "error": {"code": self.refuse[event], "message": "as told"}}
        room_id = data["room_id"]
        if event == "room.open":
            self.rooms.setdefault(room_id, media_control.RoomMedia(room_id=room_id, tap=f"unix:/{self.worker_id}"))
            return {"ok": True, "data": {"tap": self.rooms[room_id].tap}}
        if event == "room.close":
            self.rooms.pop(room_id, None)
            return {"ok": True, "data": {}}
        if room_id not in self.rooms:
            return {"ok": False, "error": {"code": "unknown_room", "message": room_id}}
        slots = [{"mid": "4", "kind": "video", "publication_id": None}]
        if event == "transport.offer":
            return {
                "ok": True,
                "data": {"sdp": "v=0 " + self.worker_id, "sources": {"microphone": "0"}, "slots": slots},
            }
        if event == "view.set":
            return {"ok": True, "data": {"slots": slots}}
        return {"ok": True, "data": {}}

    def called(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.calls if name == event]

    async def close(self) -> None:
        if self.sio is not None:
            await self.sio.disconnect()


class RecorderPeer:
    """A recorder's side of the control channel."""

    def __init__(self, url: str, recorder_id: str = "r1") -> None:
        self.url = url
        self.recorder_id = recorder_id
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.held: tuple[str, ...] = ()
        self.sio: Any = None

    async def start(self) -> None:
        self.sio = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.sio.on("*", self._answer, namespace=recordings_control.NAMESPACE)
        await self.sio.connect(
            self.url,
            namespaces=[recordings_control.NAMESPACE],
            transports=["websocket"],
            auth={"token": TOKEN, "worker_id": self.recorder_id},
        )
        await self.say(
            recordings_control.RecorderHello(recorder_id=self.recorder_id, version="t", recording_ids=self.held)
        )

    async def say(self, event: Any) -> Any:
        return await self.sio.call(event.NAME, event.model_dump(mode="json"), namespace=recordings_control.NAMESPACE)

    async def _answer(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((event, data))
        return {"ok": True, "data": None}

    def called(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.calls if name == event]

    async def close(self) -> None:
        if self.sio is not None:
            await self.sio.disconnect()
