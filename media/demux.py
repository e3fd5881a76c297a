"""Tells datagrams apart (RFC 7983) and finds their transport: by ufrag, then by an address that passed a check."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media.ice import stun
from media.ice.roaming import Strays
from media.limits import SourceAllowances
from media.stats import Counters
from media.udp import MAX_DATAGRAM, Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.transport import Transport

logger = logging.getLogger(__name__)
MIN_DATAGRAM = 13  # a DTLS record header; SRTP and STUN are longer still
# Checks of an IP address that lead nowhere. Browsers that still ask for a worker that is gone must not use it up for
# their neighbours behind the same address: fifty of them make some hundred a second.
FAILED_CHECKS_PER_S, FAILED_CHECKS_BURST = 500, 1000
MAX_HALF_OPEN_PER_IP = 10


class _Gate:
    """The places of one IP address for associations that are not yet connected."""

    def __init__(self) -> None:
        self.places = asyncio.Semaphore(MAX_HALF_OPEN_PER_IP)
        self.users = 0  # those who wait included


class Demux:
    """The tables of the socket. Whatever does not fit is dropped and counted."""

    def __init__(self, counters: Counters) -> None:
        self.by_ufrag: dict[str, Transport] = {}
        self.by_address: dict[Address, Transport] = {}
        self.on_drained: Callable[[], None] = _nothing
        self.strays = Strays(counters)
        self._counters = counters
        self._failures = SourceAllowances(FAILED_CHECKS_PER_S, FAILED_CHECKS_BURST)
        self._gates: dict[str, _Gate] = {}

    def handle_datagram(self, data: bytes, address: Address, now: float) -> None:
        size = len(data)
        if not MIN_DATAGRAM <= size <= MAX_DATAGRAM:
            self._counters["drop_size"] += 1
            return
        first = data[0]
        if first < 4:
            self._handle_stun(data, address, now)
            return
        transport = self.by_address.get(address)
        if transport is None:
            is_media = 127 < first < 192
            if not is_media or not self.strays.handle_media(data, address, _source(address), now):
                self._counters["drop_unknown_source"] += 1
        elif 127 < first < 192:
            transport.handle_srtp(data, now)
        elif 19 < first < 64:
            transport.handle_dtls(data)  # no sign of life: anybody can forge it
        else:
            self._counters["drop_unknown_kind"] += 1

    def handle_drained(self) -> None:
        self.on_drained()

    def handle_lost(self, address: Address) -> None:
        """The connection that this address stood for is gone."""
        transport = self.by_address.pop(address, None)
        if transport is not None:
            transport.ice.handle_lost(address)

    def forget_address(self, address: Address, owner: Transport) -> None:
        if self.by_address.get(address) is owner:
            del self.by_address[address]

    @asynccontextmanager
    async def handshake_place(self, address: Address) -> AsyncIterator[None]:
        """Waits until fewer than ten associations of this IP address are half-open.

        A school that comes in through one address is let in a few at a time; it loses nothing but the wait.
        """
        source = _source(address)
        gate = self._gates.setdefault(source, _Gate())
        gate.users += 1
        self._counters["half_open_waits"] += gate.places.locked()
        try:
            async with gate.places:
                yield
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[source]

    def _handle_stun(self, data: bytes, address: Address, now: float) -> None:
        is_stranger = address not in self.by_address
        if is_stranger and not self._failures.has(_source(address), now):
            self._counters["drop_stun_rate"] += 1
            return
        try:
            if not self._check(data, address, now) and is_stranger:
                self._failures.take(_source(address), now)
        except ValueError:
            self._counters["drop_stun_malformed"] += 1
            if is_stranger:
                self._failures.take(_source(address), now)

    def _check(self, data: bytes, address: Address, now: float) -> bool:
        """Whether somebody here takes it for a client's. Raises ValueError when it is malformed."""
        if stun.is_success(data):
            return self.strays.handle_answer(data, address, now)
        request = stun.parse_request(data)
        transport = self.by_ufrag.get(request.local_ufrag)
        if transport is None:
            self._counters["drop_stun_unknown"] += 1
            return False
        try:
            return transport.ice.handle_check(data, request, address, now)
        except Exception:  # whatever a stranger's datagram does, the next one is read
            self._counters["fault_check"] += 1
            logger.exception("handling a connectivity check failed")
            return False


def _source(address: Address) -> str:
    """What one attacker has: an IPv4 address, or the 64 bits of an IPv6 network."""
    if ":" not in address[0]:
        return address[0]
    return socket.inet_pton(socket.AF_INET6, address[0])[:8].hex()


def _nothing() -> None:
    return None
