"""A stream socket for our own processes: a unix socket in a private folder (default), or TCP where they run apart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

MAX_LINE = 4096
MAX_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 elsewhere

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class PrivateListener:
    """``talk`` is run for each connection, and cancelled by ``close``. ``address``: "unix:/path" or "tcp:host:port"."""

    def __init__(self, name: str, folder: Path | None, tcp: tuple[str, int] | None, talk: Talk) -> None:
        self._name = name
        self._folder = folder
        self._tcp = tcp
        self._talk = talk
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
            await self._talk(reader, writer)
        finally:
            if session is not None:
                self._sessions.discard(session)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def dial(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to such a listener. Raises OSError, or ValueError for an address of another kind."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(rest)
    host, _, port = rest.rpartition(":")
    if kind != "tcp" or not host or not port.isdecimal():
        raise ValueError(f"{address!r} is neither unix:/path nor tcp:host:port")
    return await asyncio.open_connection(host, int(port))
