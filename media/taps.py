"""The tap's server: recorders connect here, prove themselves, and get the frames of one room (``media/tap.py``)."""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from media.listening import PrivateListener
from media.settings import Settings
from media.stats import Counters
from media.tap import TapHello, TapRequest

if TYPE_CHECKING:
    from media.room import Room

logger = logging.getLogger(__name__)
HELLO_TIMEOUT_S = 5
MAX_BACKLOG = 16 << 20  # a recorder that falls further behind is cut off; it comes back with what it has


class TapServer:
    """Hands each recorder that knows the token the frames of the room it names."""

    def __init__(self, settings: Settings, find_room: Callable[[str], Room | None], counters: Counters) -> None:
        self._settings = settings
        self._find_room = find_room
        self._counters = counters
        self._listener = PrivateListener("tap", settings.tap_dir, settings.tap_tcp, self._serve)

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
            self._counters["tap_refused"] += 1

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello = TapHello.model_validate_json(await reader.readline())
        room = self._find_room(hello.room_id)
        if not hmac.compare_digest(hello.token.encode(), self._settings.worker_token.encode()) or room is None:
            self._counters["tap_refused"] += 1
            return
        self._counters["tap_opened"] += 1
        limit = math.inf  # what the ring holds comes at once

        def deliver(frame: bytes) -> None:
            if writer.transport.is_closing():  # the recorder is gone; our end of it is about to hear
                room.tap.leave(deliver)
            elif writer.transport.get_write_buffer_size() > limit:
                self._counters["tap_overrun"] += 1
                room.tap.leave(deliver)
                writer.transport.abort()
            else:
                writer.write(frame)

        try:
            room.tap.join(deliver, writer.close, hello.after)
            limit = writer.transport.get_write_buffer_size() + MAX_BACKLOG
            while line := await reader.readline():
                request = TapRequest.model_validate_json(line)
                if request.op == "watch":
                    room.tap.watch(deliver, request.publication_ids)
                else:
                    room.request_track_keyframe(request.track)
        finally:
            room.tap.leave(deliver)
