"""A UDP relay between browsers and a media worker: the worker advertises the relay's address.

Every client address gets a socket of its own towards the worker, so the worker sees clients as a NAT would show them.
``move`` gives a client another such socket: to the worker its network has changed. ``blackhole`` swallows its packets.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import cast

Address = tuple[str, int]


class _Upstream(asyncio.DatagramProtocol):
    """One client's socket towards the worker."""

    def __init__(self, relay: UdpRelay, client: Address) -> None:
        self.relay = relay
        self.client = client
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.relay.to_client(self, data)


class UdpRelay(asyncio.DatagramProtocol):
    """Use ``await UdpRelay.start()``, then ``relay.worker = (host, port)`` once the worker's port is known."""

    def __init__(self) -> None:
        self.worker: Address | None = None
        self.forwarded = 0
        self.swallowed = 0
        self._clients: dict[Address, _Upstream] = {}
        self._holes: set[Address] = set()
        self._opening: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def start(cls, host: str = "127.0.0.1") -> UdpRelay:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((host, 0))
        _, relay = await loop.create_datagram_endpoint(cls, sock=sock)
        return relay

    @property
    def address(self) -> Address:
        assert self._transport is not None
        name: Address = self._transport.get_extra_info("sockname")
        return name

    @property
    def clients(self) -> list[Address]:
        """Addresses that have sent something."""
        return list(self._clients)

    def client_behind(self, mapped_port: int) -> Address:
        """The client that the worker sees at this port: what the client itself learns as its mapped address."""
        for client, upstream in self._clients.items():
            if upstream.transport is not None and upstream.transport.get_extra_info("sockname")[1] == mapped_port:
                return client
        raise KeyError(f"no client is mapped to port {mapped_port}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if addr in self._holes:
            self.swallowed += 1
            return
        upstream = self._clients.get(addr)
        if upstream is None or upstream.transport is None:
            self._opening.setdefault(addr, []).append(data)
            if len(self._opening[addr]) == 1:
                self._spawn(self._open(addr))
            return
        if self.worker is not None:
            upstream.transport.sendto(data, self.worker)
            self.forwarded += 1

    def to_client(self, upstream: _Upstream, data: bytes) -> None:
        """A packet of the worker; one to a left-behind socket is lost, as with a real network change."""
        if self._clients.get(upstream.client) is not upstream or upstream.client in self._holes:
            self.swallowed += 1
            return
        assert self._transport is not None
        self._transport.sendto(data, upstream.client)
        self.forwarded += 1

    async def move(self, client: Address) -> None:
        """From now on the worker sees this client come from another port."""
        old = self._clients.pop(client)
        await self._open(client)
        if old.transport is not None:
            old.transport.close()

    def blackhole(self, client: Address, *, on: bool) -> None:
        (self._holes.add if on else self._holes.discard)(client)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for upstream in self._clients.values():
            if upstream.transport is not None:
                upstream.transport.close()
        if self._transport is not None:
            self._transport.close()

    async def _open(self, client: Address) -> None:
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_datagram_endpoint(
            lambda: _Upstream(self, client), local_addr=(self.address[0], 0), family=socket.AF_INET
        )
        self._clients[client] = upstream
        for data in self._opening.pop(client, []):
            if upstream.transport is not None and self.worker is not None:
                upstream.transport.sendto(data, self.worker)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
