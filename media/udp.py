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
LOOPBACK = "127.0.0.1"
IPV6_MTU_DISCOVER = 23  # linux/in6.h
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


def is_single(address: Address | None) -> bool:
    """Whether this client is sent to one packet at a time: ``sendmmsg`` is prepared for IPv4's addresses only."""
    return isinstance(address, StreamAddress) or (address is not None and ":" in address[0])


class DatagramListener(Protocol):
    def handle_datagram(self, data: bytes, address: Address, now: float) -> None: ...

    def handle_drained(self) -> None: ...


class DatagramPort:
    """Owns the socket; ``listener`` is called for each datagram and once at the end of each drain.

    IPv6 has a socket of its own with the same number, so that IPv4's packets cost nothing for it.
    """

    def __init__(self, host: str, port: int, clock: Clock, counters: Counters, host6: str = "") -> None:
        self._now = clock.monotonic
        self._counters = counters
        self._listener: DatagramListener | None = None
        self.socket = self._open(socket.AF_INET, host or LOOPBACK, port)  # bulk sending needs one in any case
        self.address: Address = self.socket.getsockname()
        self.socket6: socket.socket | None = None
        if host6:
            try:
                self.socket6 = self._open(socket.AF_INET6, host6, self.address[1])
            except OSError:
                self.socket.close()
                raise

    def attach(self, listener: DatagramListener, add_reader: Callable[[int, Callable[[], None]], object]) -> None:
        self._listener = listener
        for opened in self._sockets():
            add_reader(opened.fileno(), self._on_readable)

    def close(self, remove_reader: Callable[[int], object]) -> None:
        for opened in self._sockets():
            if opened.fileno() >= 0:
                remove_reader(opened.fileno())
                opened.close()

    def send(self, data: bytes | memoryview, address: Address, is_video: bool = False) -> None:
        """One datagram; what the kernel does not take is counted, never raised. Slow streams drop video first."""
        if isinstance(address, StreamAddress):
            address.stream.send(data, is_video)
            return
        target = self.socket6 if ":" in address[0] else self.socket
        try:
            if target is not None:
                target.sendto(data, address)
        except OSError:
            self._counters["drop_send"] += 1

    def drain(self, reads: int = MAX_READS) -> None:
        """Reads what is there, without ``handle_drained``: the fan-out calls this between chunks."""
        listener = self._listener
        if listener is None:
            return
        self._drain(self.socket, reads, listener.handle_datagram)
        if self.socket6 is not None:
            self._drain(self.socket6, reads, self._handle6)

    def _drain(self, source: socket.socket, reads: int, handle: Callable[[bytes, Address, float], None]) -> None:
        receive = source.recvmsg
        now = self._now
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

    def _handle6(self, data: bytes, address: Address, now: float) -> None:
        """Without flow and scope: link-local addresses are not served."""
        if self._listener is not None:
            self._listener.handle_datagram(data, address[:2], now)

    def _on_readable(self) -> None:
        self.drain()
        if self._listener is not None:
            self._listener.handle_drained()

    def _sockets(self) -> tuple[socket.socket, ...]:
        return (self.socket,) if self.socket6 is None else (self.socket, self.socket6)

    def _open(self, family: socket.AddressFamily, host: str, port: int) -> socket.socket:
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        _enlarge(opened)
        try:
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if sys.platform == "linux":
                # Don't fragment, and no search in the path MTU cache for each packet.
                level, option = (
                    (socket.IPPROTO_IP, IP_MTU_DISCOVER)
                    if family == socket.AF_INET
                    else (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER)
                )
                opened.setsockopt(level, option, IP_PMTUDISC_PROBE)
                self._let_coalesce(opened)
            opened.bind((host, port))
        except OSError:
            opened.close()
            raise
        return opened

    def _let_coalesce(self, opened: socket.socket) -> None:
        try:
            opened.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        except OSError:
            self._counters["gro_unavailable"] += 1


def _enlarge(target: socket.socket) -> None:
    """Buffers for bursts: beyond net.core.*mem_max where we may (SO_*BUFFORCE needs CAP_NET_ADMIN)."""
    for forced, plain in ((33, socket.SO_RCVBUF), (32, socket.SO_SNDBUF)):
        try:
            target.setsockopt(socket.SOL_SOCKET, forced, BUFFER_BYTES)
        except OSError:
            target.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)


def local_addresses(version: int = 4) -> tuple[str, ...]:
    """Addresses of this machine that another machine may reach: no loopback, no container bridges, no link-local ones.

    There may be no IPv6 address; for IPv4 loopback stands in.
    """
    found = [
        address
        for adapter in ifaddr.get_adapters()
        if not adapter.name.startswith(("lo", "docker", "br-", "veth", "virbr"))
        for ip in adapter.ips
        if ip.is_IPv4 == (version == 4)
        for address in [ip.ip if isinstance(ip.ip, str) else ip.ip[0]]
        if not address.lower().startswith(("127.", "169.254.", "fe80:", "::1"))
    ]
    return tuple(dict.fromkeys(found)) or (("127.0.0.1",) if version == 4 else ())
