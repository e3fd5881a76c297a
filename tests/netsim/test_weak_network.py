"""The relay's process with real sockets: each client has a way of its own, profiles change while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.netsim.profiles import BLACKHOLE, CLEAR, PROFILES
from tests.netsim.weak_network import Address, WeakNetwork, weak_network

pytestmark = pytest.mark.integration


class End(asyncio.DatagramProtocol):
    """A socket that keeps what it gets."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls) -> End:
        _, end = await asyncio.get_running_loop().create_datagram_endpoint(cls, ("127.0.0.1", 0))
        return end

    @property
    def address(self) -> Address:
        assert self.transport is not None
        name: Address = self.transport.get_extra_info("sockname")
        return name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.got.put_nowait((data, addr))

    def send(self, data: bytes, to: Address) -> None:
        assert self.transport is not None
        self.transport.sendto(data, to)

    async def next(self) -> tuple[bytes, Address]:
        return await asyncio.wait_for(self.got.get(), 10)

    def close(self) -> None:
        assert self.transport is not None
        self.transport.close()


@pytest.fixture
async def network() -> AsyncIterator[WeakNetwork]:
    async with weak_network() as running:
        yield running


@pytest.fixture
async def ends(network: WeakNetwork) -> AsyncIterator[list[End]]:
    """The worker and two clients."""
    opened = [await End.open() for _ in range(3)]
    await network.set_worker(*opened[0].address)
    yield opened
    for end in opened:
        end.close()


async def test_each_client_has_its_own_way_and_can_be_moved(network: WeakNetwork, ends: list[End]) -> None:
    worker, one, two = ends
    seen = []
    for client, text in ((one, b"1"), (two, b"2")):
        client.send(text, network.address)
        data, source = await worker.next()
        assert data == text
        seen.append(source)
        worker.send(b"re " + text, source)
        assert await client.next() == (b"re " + text, network.address)
    assert seen[0] != seen[1]
    assert await network.client_behind(seen[0][1]) == one.address
    await network.move(one.address)
    one.send(b"3", network.address)
    data, moved = await worker.next()
    assert data == b"3" and moved not in seen
    worker.send(b"late", seen[0])
    worker.send(b"new", moved)
    assert (await one.next())[0] == b"new", "what goes to the old address is lost"


async def test_profiles_hold_for_one_client_or_for_who_comes_later(network: WeakNetwork, ends: list[End]) -> None:
    worker, one, two = ends
    one.send(b"hello", network.address)
    await worker.next()
    await network.shape(None, BLACKHOLE)
    two.send(b"nobody hears", network.address)
    one.send(b"still here", network.address)
    assert (await worker.next())[0] == b"still here"
    await network.shape(two.address, CLEAR)
    two.send(b"now", network.address)
    assert (await worker.next())[0] == b"now"
    reports = await network.clients()
    assert [report["up"]["lost"] for report in reports] == [0, 1]


async def test_a_delayed_packet_comes_after_its_delay(network: WeakNetwork, ends: list[End]) -> None:
    worker, one, _ = ends
    loop = asyncio.get_running_loop()
    await network.shape(None, PROFILES["edge"])
    began = loop.time()
    one.send(b"slow", network.address)
    assert (await worker.next())[0] == b"slow"
    assert loop.time() - began >= 0.3
