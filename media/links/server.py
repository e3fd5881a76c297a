"""Where other workers dial in: they prove themselves and get one room's packets (``media/links/wire.py``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from media.links import wire
from media.links.outlet import Outlet
from media.listening import RoomListener
from media.settings import Settings
from media.stats import Counters

if TYPE_CHECKING:
    from media.clock import Clock
    from media.forwarding import Forwarder
    from media.room import Room

MAX_BACKLOG = 8 << 20  # a worker that falls further behind is cut off; it comes back and begins with keyframes


class LinkServer:
    """Listens where the tap's settings say: in the same private folder, or on a TCP port of its own."""

    def __init__(
        self,
        settings: Settings,
        find_room: Callable[[str], Room | None],
        forwarder: Forwarder,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._forwarder = forwarder
        self._clock = clock
        self._counters = counters
        self.listener = RoomListener(
            "link",
            settings.tap_dir,
            settings.link_tcp,
            token=settings.worker_token,
            hello=wire.LinkHello,
            find_room=find_room,
            talk=self._talk,
            counters=counters,
        )

    async def _talk(
        self, room: Room, _hello: wire.LinkHello, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        outlet = Outlet(LinkWriter(writer, self._forwarder, self._counters).write)
        room.links.serve(outlet, writer.close, room.publications.values())
        try:
            while line := await reader.readline():
                outlet.request(wire.LinkRequest.model_validate_json(line), self._clock.monotonic())
        finally:
            room.links.leave(outlet)


class LinkWriter:
    """Gathers the frames of one drain of the socket and writes them at once."""

    def __init__(self, writer: asyncio.StreamWriter, forwarder: Forwarder, counters: Counters) -> None:
        self._writer = writer
        self._forwarder = forwarder
        self._counters = counters
        self._frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        if not self._frames:
            self._forwarder.handle_pending_link(self._flush)
            asyncio.get_running_loop().call_soon(self._flush)  # for what no datagram has caused
        self._frames.append(frame)

    def _flush(self) -> None:
        frames, self._frames = self._frames, []
        transport = self._writer.transport
        if not frames or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_BACKLOG:
            self._counters["link_overrun"] += 1
            transport.abort()
        else:
            self._writer.write(b"".join(frames))
