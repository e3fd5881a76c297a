"""The worker's one UDP socket: reads with UDP_GRO, hands datagrams up, sends. Knows nothing of what is in them.

Who is reached by another way than this socket has an address that brings its own stream.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from typing import Protocol

import ifaddr

from media.clock import Clock
from media.sendmmsg import IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, UDP_GRO
from media.stats import Counters

Address = tuple[str, int]
BUFFER_BYTES = 8 << 20
MAX_DATAGRAM = 1500
MAX_READS = 64  # per wake-up, so that timers and the control channel get their turn
_INT = struct.Struct("=i")


class Stream(Protocol):
    """A connection of its own to one client."""

    def send(self, datagram: bytes | memoryview, is_video: bool) -> None: ...

    def handle_admitted(self) -> None: ...

    def close(self) -> None: ...


class StreamAddress(tuple[str, int]):
    """A client that is reached by a stream instead of the UDP socket.

    Equal to itself alone, so that nobody speaks for it by UDP from the same address and port number.
    """

    stream: Stream

    def __new__(cls, host: str, port: int, stream: Stream) -> StreamAddress:
        made = super().__new__(cls, (host, port))
        made.stream = stream
        return made

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)


class DatagramListener(Protocol):
    def handle_datagram(self, data: bytes, address: Address, now: float) -> None: ...

    def handle_drained(self) -> None: ...


class DatagramPort:
    """Owns the socket; ``listener`` is called for each datagram and once at the end of each drain."""

    def __init__(self, host: str, port: int, clock: Clock, counters: Counters) -> None:
        self._now = clock.monotonic
        self._counters = counters
        self._listener: DatagramListener | None = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        _enlarge(self.socket)
        if sys.platform == "linux":
            # Don't fragment, and no search in the path MTU cache for each packet.
            self.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
            try:
                self.socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
            except OSError:
                counters["gro_unavailable"] += 1
        self.socket.bind((host, port))
        self.address: Address = self.socket.getsockname()

    def attach(self, listener: DatagramListener, add_reader: Callable[[int, Callable[[], None]], object]) -> None:
        self._listener = listener
        add_reader(self.socket.fileno(), self._on_readable)

    def close(self, remove_reader: Callable[[int], object]) -> None:
        if self.socket.fileno() >= 0:
            remove_reader(self.socket.fileno())
            self.socket.close()

    def send(self, data: bytes | memoryview, address: Address, is_video: bool = False) -> None:
        """One datagram; what the kernel does not take is counted, never raised. Slow streams drop video first."""
        if isinstance(address, StreamAddress):
            address.stream.send(data, is_video)
            return
        try:
            self.socket.sendto(data, address)
        except OSError:
            self._counters["drop_send"] += 1

    def drain(self, reads: int = MAX_READS) -> None:
        """Reads what is there, without ``handle_drained``: the fan-out calls this between chunks."""
        listener = self._listener
        if listener is None:
            return
        receive = self.socket.recvmsg
        now = self._now
        handle = listener.handle_datagram
        for _ in range(reads):
            try:
                data, ancillary, _flags, address = receive(65535, 64)
            except OSError:  # nothing more, or an ICMP error of an earlier send
                return
            arrival = now()
            segment = _INT.unpack_from(ancillary[0][2])[0] if ancillary and len(ancillary[0][2]) >= 4 else 0
            if segment and len(data) > segment:
                for offset in range(0, len(data), segment):
                    handle(data[offset : offset + segment], address, arrival)
            else:
                handle(data, address, arrival)

    def _on_readable(self) -> None:
        self.drain()
        if self._listener is not None:
            self._listener.handle_drained()


def _enlarge(target: socket.socket) -> None:
    """Buffers for bursts: beyond net.core.*mem_max where we may (SO_*BUFFORCE needs CAP_NET_ADMIN)."""
    for forced, plain in ((33, socket.SO_RCVBUF), (32, socket.SO_SNDBUF)):
        try:
            target.setsockopt(socket.SOL_SOCKET, forced, BUFFER_BYTES)
        except OSError:
            target.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)


def local_addresses() -> tuple[str, ...]:
    """IPv4 addresses of this machine that another machine may reach: no loopback, no container bridges."""
    found = [
        str(ip.ip)
        for adapter in ifaddr.get_adapters()
        if not adapter.name.startswith(("lo", "docker", "br-", "veth", "virbr"))
        for ip in adapter.ips
        if ip.is_IPv4 and not str(ip.ip).startswith(("127.", "169.254."))
    ]
    return tuple(dict.fromkeys(found)) or ("127.0.0.1",)
