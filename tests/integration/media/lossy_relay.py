"""A seeded UDP relay between clients and the worker that throws packets away; the worker advertises its address."""

from __future__ import annotations

import asyncio
import random
from typing import Any

Address = tuple[str, int]


class _Leg(asyncio.DatagramProtocol):
    """The relay's own socket toward the worker, one per client, so that the worker tells clients apart."""

    def __init__(self, relay: LossyRelay, client: Address) -> None:
        self._relay = relay
        self._client = client
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        self._relay.to_client(data, self._client)


class LossyRelay(asyncio.DatagramProtocol):
    """Loses media in both directions with the given probability; handshakes and checks pass."""

    def __init__(self, loss: float, seed: int) -> None:
        self.loss = loss
        self.lost = 0
        self.worker: Address = ("", 0)
        self._random = random.Random(seed)
        self._legs: dict[Address, _Leg] = {}
        self._opening: dict[Address, list[bytes]] = {}
        self._transport: Any = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Address:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        address: Address = self._transport.get_extra_info("sockname")
        return address

    def close(self) -> None:
        self._transport.close()
        for leg in self._legs.values():
            leg.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self._loses(data):
            return
        leg = self._legs.get(addr)
        if leg is not None:
            leg.transport.sendto(data)
            return
        waiting = self._opening.setdefault(addr, [])
        waiting.append(data)
        if len(waiting) == 1:
            task = asyncio.create_task(self._open(addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def to_client(self, data: bytes, client: Address) -> None:
        if not self._loses(data):
            self._transport.sendto(data, client)

    def _loses(self, data: bytes) -> bool:
        is_media = 127 < data[0] < 192
        if is_media and self._random.random() < self.loss:
            self.lost += 1
            return True
        return False

    async def _open(self, client: Address) -> None:
        loop = asyncio.get_running_loop()
        _, leg = await loop.create_datagram_endpoint(lambda: _Leg(self, client), remote_addr=self.worker)
        self._legs[client] = leg
        for data in self._opening.pop(client):
            leg.transport.sendto(data)
