"""A TCP relay with a narrow way down: what the worker sends waits in its own buffers, as behind a slow access line."""

from __future__ import annotations

import asyncio
import contextlib
import socket

CHUNK = 1024
BUFFER_BYTES = 16 << 10


class SlowTcp:
    """``down_bps`` holds for connections that are opened from then on; 0 is as fast as it goes."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.down_bps = 0

    @classmethod
    async def start(cls, host: str, port: int) -> SlowTcp:
        relay = cls(host, port)
        listener = socket.socket()
        # Windows are offered from these: without them the kernel would take megabytes from the worker at once.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        listener.bind((host, 0))
        relay._server = await asyncio.start_server(relay._accept, sock=listener)
        return relay

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close their sockets one round later

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        down_bps = self.down_bps
        ends = [writer]
        try:
            far_reader, far_writer = await self._dial()
            ends.append(far_writer)
            await asyncio.gather(_pump(reader, far_writer, 0), _pump(far_reader, writer, down_bps))
        finally:
            self._tasks.discard(task)
            for end in ends:
                end.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = socket.socket()
        try:
            upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            upstream.setblocking(False)
            await asyncio.get_running_loop().sock_connect(upstream, self._target)
            return await asyncio.open_connection(sock=upstream, limit=BUFFER_BYTES)
        except BaseException:
            upstream.close()
            raise


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bps: int) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK if bps else 65536):
            writer.write(data)
            await writer.drain()
            if bps:
                due = max(due, loop.time()) + 8 * len(data) / bps
                await asyncio.sleep(due - loop.time())
