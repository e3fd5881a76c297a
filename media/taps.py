"""The tap's server: recorders connect here, prove themselves, and get the frames of one room (``media/tap.py``)."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from media.settings import Settings
from media.stats import Counters
from media.tap import TapHello, TapRequest

if TYPE_CHECKING:
    from media.room import Room

logger = logging.getLogger(__name__)
MAX_LINE = 4096
MAX_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 elsewhere
HELLO_TIMEOUT_S = 5
MAX_BACKLOG = 16 << 20  # a recorder that falls further behind is cut off; it comes back with what it has


class TapServer:
    """Listens on a unix socket (default) or TCP."""

    def __init__(self, settings: Settings, find_room: Callable[[str], Room | None], counters: Counters) -> None:
        self._settings = settings
        self._find_room = find_room
        self._counters = counters
        self._server: asyncio.Server | None = None
        self._own_folder: Path | None = None
        self._path: Path | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self.address = ""

    async def start(self) -> None:
        if self._settings.tap_tcp is not None:
            host, port = self._settings.tap_tcp
            self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)
            self.address = f"tcp:{host}:{self._server.sockets[0].getsockname()[1]}"
            return
        folder = self._settings.tap_dir
        name = f"tap-{os.getpid()}.sock"
        if folder is None or len(os.fsencode(folder / name)) > MAX_SOCKET_PATH:
            folder = self._own_folder = Path(tempfile.mkdtemp(prefix="huitang-tap-"))
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / name
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
        self._path.chmod(0o600)
        self.address = f"unix:{self._path}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._own_folder is not None:
            self._own_folder.rmdir()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        if session is not None:
            self._sessions.add(session)
        try:
            await self._talk(reader, writer)
        except (OSError, ValueError, TimeoutError, ValidationError):
            self._counters["tap_refused"] += 1
        finally:
            if session is not None:
                self._sessions.discard(session)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

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
                room.request_track_keyframe(TapRequest.model_validate_json(line).track)
        finally:
            room.tap.leave(deliver)
