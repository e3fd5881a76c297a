"""The worker's TCP port: datagrams in RFC 4571 frames for clients whose network blocks UDP (RFC 6544, passive).

Owns the listening socket and its connections, and what they may cost before anybody has shown a password. Knows nothing
of what is in the datagrams; a client's connection is an address like any other to those who do.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from typing import Protocol, cast

from media.clock import Clock
from media.ice.framing import Deframer, frame
from media.settings import Settings
from media.stats import Counters
from media.udp import LOOPBACK, Address, DatagramListener, DatagramPort, StreamAddress

MAX_CONNECTIONS = 800  # below the usual limit of 1024 descriptors
MAX_PER_IP = 256  # a whole school behind one address
MAX_UNPROVEN_PER_IP = 64  # a class behind one address that reloads at once
MAX_UNPROVEN_BYTES = 4096  # some forty connectivity checks
PROOF_TIMEOUT_S = 5.0
FLUSH_TIMEOUT_S = 2.0
MAX_BUFFERED = 256 << 10
MAX_BUFFERED_VIDEO = 192 << 10  # a picture that comes late is useless, and sound must still find room
# What the kernel may hold unsent: the rest waits here, where pictures can be dropped.
UNSENT_IN_KERNEL = 32 << 10
BACKLOG = 128
MAX_FREE_PORT_TRIES = 16  # a free UDP port may be somebody's TCP port


def open_ports(settings: Settings, clock: Clock, counters: Counters) -> tuple[DatagramPort, TcpPort | None]:
    """The UDP port, and the TCP port of the same number. Raises OSError when it is taken."""
    for _ in range(MAX_FREE_PORT_TRIES):
        port = None
        try:
            port = DatagramPort(settings.host, settings.port, clock, counters, settings.host6)
            number = port.address[1]
            return port, TcpPort(settings.host, number, clock, counters, settings.host6) if settings.tcp else None
        except OSError:
            if port is not None:
                port.close(lambda _descriptor: None)
            if settings.port:
                raise
    raise OSError("no port number is free for both UDP and TCP")


class StreamListener(DatagramListener, Protocol):
    """Gets datagrams, and is told when the connection that they came by is gone."""

    def handle_lost(self, address: Address) -> None: ...


class TcpPort:
    """``start`` begins to accept; every connection then speaks for one address."""

    def __init__(self, host: str, port: int, clock: Clock, counters: Counters, host6: str = "") -> None:
        self.counters = counters
        self.now = clock.monotonic
        self.listener: StreamListener | None = None
        self.connections: set[TcpConnection] = set()
        self._per_ip: Counter[str] = Counter()
        self._unproven: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self._sockets = [socket.create_server((host or LOOPBACK, port), backlog=BACKLOG)]
        self.address: Address = self._sockets[0].getsockname()
        if host6:
            try:
                self._sockets.append(
                    socket.create_server((host6, self.address[1]), family=socket.AF_INET6, backlog=BACKLOG)
                )
            except OSError:
                self._sockets[0].close()
                raise

    async def start(self, listener: StreamListener) -> None:
        self.listener = listener
        loop = asyncio.get_running_loop()
        for opened in self._sockets:
            self._servers.append(await loop.create_server(lambda: TcpConnection(self), sock=opened))

    async def close(self) -> None:
        """Stops accepting; what was written last is still sent, but not waited for."""
        for server in self._servers:
            server.close()
        for opened in self._sockets:
            opened.close()
        for connection in list(self.connections):
            connection.close()
        await asyncio.sleep(0)  # uvloop writes at the end of its round

    def admits(self, host: str) -> bool:
        """Whether one more connection may come from there."""
        return (
            len(self.connections) < MAX_CONNECTIONS
            and self._per_ip[host] < MAX_PER_IP
            and self._unproven[host] < MAX_UNPROVEN_PER_IP
        )

    def opened(self, connection: TcpConnection, host: str) -> None:
        self.connections.add(connection)
        self._per_ip[host] += 1
        self._unproven[host] += 1

    def proven(self, host: str) -> None:
        _less(self._unproven, host)

    def closed(self, connection: TcpConnection, host: str, was_proven: bool) -> None:
        self.connections.discard(connection)
        _less(self._per_ip, host)
        if not was_proven:
            _less(self._unproven, host)


class TcpConnection(asyncio.Protocol):
    """One client's connection; the stream behind its ``StreamAddress``."""

    def __init__(self, port: TcpPort) -> None:
        self._port = port
        self._deframer = Deframer()
        self._transport: asyncio.Transport | None = None
        self._unproven_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self.address = StreamAddress("", 0, self)
        self.is_proven = False

    # --- from the client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast(asyncio.Transport, transport)
        host, number = (made.get_extra_info("peername") or ("", 0))[:2]
        if not self._port.admits(host):
            self._port.counters["drop_tcp_limit"] += 1
            made.abort()
            return
        _set_options(made.get_extra_info("socket"))
        self._transport = made
        self.address = StreamAddress(host, number, self)
        self._port.opened(self, host)
        self._port.counters["tcp_accepted"] += 1
        self._timer = asyncio.get_running_loop().call_later(PROOF_TIMEOUT_S, self._abort, "drop_tcp_silent")

    def data_received(self, data: bytes) -> None:
        listener = self._port.listener
        if self._transport is None or listener is None:
            return
        if not self.is_proven:
            self._unproven_bytes += len(data)
            if self._unproven_bytes > MAX_UNPROVEN_BYTES:
                self._abort("drop_tcp_unproven")
                return
        try:
            frames = self._deframer.feed(data)
        except ValueError:
            self._abort("drop_tcp_frame")
            return
        now = self._port.now()
        for datagram in frames:
            listener.handle_datagram(datagram, self.address, now)
        listener.handle_drained()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._port.closed(self, self.address[0], self.is_proven)
        if self._port.listener is not None:
            self._port.listener.handle_lost(self.address)

    # --- to the client

    def handle_admitted(self) -> None:
        """A connectivity check of this connection was authentic."""
        if self.is_proven or self._transport is None:
            return
        self.is_proven = True
        self._port.proven(self.address[0])
        if self._timer is not None:
            self._timer.cancel()

    def send(self, datagram: bytes | memoryview, is_video: bool) -> None:
        """One datagram; what a slow client does not take is dropped here, pictures first."""
        transport = self._transport
        if transport is None or transport.is_closing():
            self._port.counters["drop_send"] += 1
            return
        buffered = transport.get_write_buffer_size() + len(datagram)
        if buffered > (MAX_BUFFERED_VIDEO if is_video else MAX_BUFFERED):
            self._port.counters["drop_tcp_video" if is_video else "drop_tcp_full"] += 1
            return
        transport.write(frame(datagram))

    def close(self) -> None:
        """Sends what is buffered, then closes; a client that does not read is not waited for."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(FLUSH_TIMEOUT_S, self._transport.abort)

    def _abort(self, counter: str) -> None:
        self._port.counters[counter] += 1
        if self._transport is not None:
            self._transport.abort()


def _set_options(target: socket.socket | None) -> None:
    if target is None:
        return
    with contextlib.suppress(OSError):  # the client may be gone already
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_IN_KERNEL)


def _less(counts: Counter[str], host: str) -> None:
    counts[host] -= 1
    if counts[host] <= 0:
        del counts[host]
