"""A stream socket on which our own processes ask for one room: a unix socket in a private folder (default), or TCP
where they run apart. Who connects proves himself in his first line; what is said after it is the caller's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from media.stats import Counters

MAX_LINE = 4096
MAX_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 elsewhere
HELLO_TIMEOUT_S = 5


class RoomHello(BaseModel):
    """The first line of whoever connects, as JSON. ``token`` is the shared ``WORKER_TOKEN``."""

    token: str
    room_id: str


H = TypeVar("H", bound=RoomHello)
R = TypeVar("R")  # the Room, which this leaf does not know: recordings dial from here too
Talk = Callable[[R, H, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RoomListener(Generic[R, H]):
    """``talk`` is run for each connection that knows the token and names a room that is here; ``close`` cancels it.

    ``address``: "unix:/path" or "tcp:host:port". Counts ``<name>_opened`` and ``<name>_refused``.
    """

    def __init__(
        self,
        name: str,
        folder: Path | None,
        tcp: tuple[str, int] | None,
        *,
        token: str,
        hello: type[H],
        find_room: Callable[[str], R | None],
        talk: Talk[R, H],
        counters: Counters,
    ) -> None:
        self._name = name
        self._folder = folder
        self._tcp = tcp
        self._token = token
        self._hello = hello
        self._find_room = find_room
        self._talk = talk
        self._counters = counters
        self._server: asyncio.Server | None = None
        self._own_folder: Path | None = None
        self._path: Path | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self.address = ""

    async def start(self) -> None:
        if self._tcp is not None:
            host, port = self._tcp
            self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)
            self.address = f"tcp:{host}:{self._server.sockets[0].getsockname()[1]}"
            return
        folder = self._folder
        name = f"{self._name}-{os.getpid()}.sock"
        if folder is None or len(os.fsencode(folder / name)) > MAX_SOCKET_PATH:
            folder = self._own_folder = Path(tempfile.mkdtemp(prefix=f"huitang-{self._name}-"))
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
            await self._greet(reader, writer)
        except (OSError, ValueError, TimeoutError):
            self._counters[f"{self._name}_refused"] += 1
        finally:
            if session is not None:
                self._sessions.discard(session)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello = self._hello.model_validate_json(await reader.readline())
        room = self._find_room(hello.room_id)
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()) or room is None:
            self._counters[f"{self._name}_refused"] += 1
            return
        self._counters[f"{self._name}_opened"] += 1
        await self._talk(room, hello, reader, writer)


async def dial(address: str, limit: int = MAX_LINE) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to such a listener. Raises OSError, or ValueError for an address of another kind."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(rest, limit=limit)
    host, _, port = rest.rpartition(":")
    if kind != "tcp" or not host or not port.isdecimal():
        raise ValueError(f"{address!r} is neither unix:/path nor tcp:host:port")
    return await asyncio.open_connection(host, int(port), limit=limit)
