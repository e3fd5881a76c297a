"""A TCP relay in front of the server. It can be cut (connections are reset, new ones too) or held (nothing passes and
nobody is told, as in a tunnel), until it is mended."""

from __future__ import annotations

import asyncio
import contextlib


class TcpCut:
    """A browser that opens the page through this relay has its signaling on it; its media goes another way."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self.is_cut = False
        self.cut_connections = 0

    @classmethod
    async def start(cls, host: str, port: int) -> TcpCut:
        cut = cls(host, port)
        cut._server = await asyncio.start_server(cut._accept, "127.0.0.1", 0)
        return cut

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Resets what is open; what comes next is reset as well."""
        self.is_cut = True
        for writer in list(self._writers):
            self.cut_connections += 1
            writer.transport.abort()

    def hold(self) -> None:
        """What is sent from now on waits."""
        self._passes.clear()

    def mend(self) -> None:
        self.is_cut = False
        self._passes.set()

    async def close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}
            for end in (writer, far_writer):
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while data := await reader.read(65536):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(ConnectionError, OSError, RuntimeError):
            writer.write_eof()
