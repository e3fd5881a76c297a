"""The tap's server: recorders connect here, prove themselves, and get the frames of one room (``media/tap.py``)."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from media.listening import RoomListener
from media.settings import Settings
from media.stats import Counters
from media.tap import TapHello, TapRequest

if TYPE_CHECKING:
    from media.room import Room

logger = logging.getLogger(__name__)
MAX_BACKLOG = 16 << 20  # a recorder that falls further behind is cut off; it comes back with what it has


class TapServer:
    """Hands each recorder the frames of the room it names."""

    def __init__(self, settings: Settings, find_room: Callable[[str], Room | None], counters: Counters) -> None:
        self._counters = counters
        self.listener = RoomListener(
            "tap",
            settings.tap_dir,
            settings.tap_tcp,
            token=settings.worker_token,
            hello=TapHello,
            find_room=find_room,
            talk=self._talk,
            counters=counters,
        )

    async def _talk(
        self, room: Room, hello: TapHello, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
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
