"""Where other workers dial in: they prove themselves and get one room's packets (``media/links/wire.py``)."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from media.links import wire
from media.links.outlet import Outlet
from media.listening import PrivateListener
from media.settings import Settings
from media.stats import Counters

if TYPE_CHECKING:
    from media.clock import Clock
    from media.room import Room

HELLO_TIMEOUT_S = 5
MAX_BACKLOG = 8 << 20  # a worker that falls further behind is cut off; it comes back and begins with keyframes


class LinkServer:
    """Listens where the tap's settings say: in the same private folder, or on a TCP port of its own."""

    def __init__(
        self, settings: Settings, find_room: Callable[[str], Room | None], clock: Clock, counters: Counters
    ) -> None:
        self._token = settings.worker_token
        self._find_room = find_room
        self._clock = clock
        self._counters = counters
        self._listener = PrivateListener("link", settings.tap_dir, settings.link_tcp, self._serve)

    @property
    def address(self) -> str:
        return self._listener.address

    async def start(self) -> None:
        await self._listener.start()

    async def close(self) -> None:
        await self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, ValueError, TimeoutError, ValidationError):
            self._counters["links_refused"] += 1

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello = wire.LinkHello.model_validate_json(await reader.readline())
        room = self._find_room(hello.room_id)
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()) or room is None:
            self._counters["links_refused"] += 1
            return

        def write(frame: bytes) -> None:
            if writer.transport.get_write_buffer_size() > MAX_BACKLOG:
                self._counters["links_overrun"] += 1
                writer.transport.abort()
            elif not writer.transport.is_closing():
                writer.write(frame)

        outlet = Outlet(write)
        room.links.serve(outlet, writer.close, room.publications.values())
        try:
            while line := await reader.readline():
                outlet.request(wire.LinkRequest.model_validate_json(line), self._clock.monotonic())
        finally:
            room.links.leave(outlet)
