"""The client made of bytes, by TCP: the same checks, handshake and packets in RFC 4571 frames."""

from __future__ import annotations

import asyncio
import re
from typing import cast

from media.ice.framing import Deframer, frame
from tests.unit.media.raw_client import RawClient

CANDIDATE = re.compile(r"a=candidate:\S+ 1 tcp \d+ (\S+) (\d+) typ host tcptype passive")


class FramedSocket(asyncio.Protocol):
    """Has the shape of a datagram transport for ``RawClient``."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self._deframer = Deframer()
        self.transport: asyncio.Transport | None = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for datagram in self._deframer.feed(data):
            self._client.datagram_received(datagram, None)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.is_lost = True

    def sendto(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(frame(data))

    def close(self) -> None:
        assert self.transport is not None
        self.transport.close()


class TcpClient(RawClient):
    """Connects by the answer's TCP candidate; ``stream`` is the newest connection."""

    stream: FramedSocket

    async def open(self, answer: str) -> None:
        found = CANDIDATE.search(answer)
        assert found is not None
        old = self._socket
        loop = asyncio.get_running_loop()
        _, self.stream = await loop.create_connection(lambda: FramedSocket(self), found[1], int(found[2]))
        self._socket = self.stream
        if old is not None:
            old.close()

    async def open_udp(self, answer: str) -> None:
        """Goes on by UDP; the connection stays open."""
        self._socket = None
        await super().open(answer)

    @property
    def address(self) -> tuple[str, int]:
        assert self.stream.transport is not None
        host, port = self.stream.transport.get_extra_info("sockname")
        return host, port
