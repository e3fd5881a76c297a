"""A client made of bytes: a UDP socket, STUN checks, the adapter's DTLS as client, SRTP, a captured offer."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from media import aiortc_adapter as adapter
from media.aiortc_adapter import Certificate, DtlsSession
from media.ice import stun
from media.rtp.header import payload_offset
from media.sdp.offer import parse_offer
from tests.unit.media.conftest import read_offer
from tests.unit.media.test_stun import request


class RawClient(asyncio.DatagramProtocol):
    """``offer`` first, then ``connect`` with the answer."""

    family = r"[\d.]+"  # of the candidates that it can use

    def __init__(self, offer: str = "chromium", role: str = "client") -> None:
        self.certificate = Certificate()
        self.offer = re.sub(
            r"a=fingerprint:sha-256 \S+", f"a=fingerprint:sha-256 {self.certificate.fingerprint}", read_offer(offer)
        )
        self._role = role
        if role == "server":
            self.offer = self.offer.replace("a=setup:actpass", "a=setup:passive")
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.checks = 0
        self.asked: list[bytes] = []  # checks of the worker, as they came
        self.answers_checks = True
        self.last_sent = b""
        self._pair = ("", "")  # the worker's ufrag and ours, in the latest check
        self.is_closed = False
        self._socket: Any = None
        self._dtls: DtlsSession | None = None
        self._rx: Any = None

    async def connect(self, answer: str) -> None:
        """Checks and handshake."""
        await self.open(answer)
        fingerprint = re.search(r"a=fingerprint:(\S+) (\S+)", answer)
        assert fingerprint is not None
        self._dtls = DtlsSession(self.certificate, [(fingerprint[1], fingerprint[2])], self._role, self._socket.sendto)
        await self.check(answer, use_candidate=True)
        assert await self._dtls.handshake()
        self._dtls.on_closed(self._on_closed)
        self._rx = self._dtls.rx

    async def open(self, answer: str) -> None:
        """A new socket, hence a new address."""
        line = re.search(rf"a=candidate:\S+ 1 udp \d+ ({self.family}) (\d+)", answer)
        assert line is not None
        loop = asyncio.get_running_loop()
        old = self._socket
        self._socket, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=(line[1], int(line[2])))
        if old is not None:
            old.close()

    async def check(self, answer: str, use_candidate: bool, timeout_s: float = 2) -> None:
        """One connectivity check, answered. ``answer`` need not be the one to the latest ``offer``."""
        parsed = parse_offer(answer)
        before = self.checks
        self._pair = (parsed.ice_ufrag, parse_offer(self.offer).ice_ufrag)
        self._socket.sendto(request(":".join(self._pair), parsed.ice_pwd, use_candidate))
        async with asyncio.timeout(timeout_s):
            while self.checks == before:  # noqa: ASYNC110 - datagrams have no event to wait for
                await asyncio.sleep(0.001)

    def send(self, packet: bytes, is_rtcp: bool = False) -> None:
        assert self._dtls is not None
        protect = adapter.srtp_protect_rtcp if is_rtcp else adapter.srtp_protect
        self.last_sent = _transform(protect, self._dtls.tx, packet)
        self._socket.sendto(self.last_sent)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.get_extra_info("sockname")
        return host, port

    def response(self, check: bytes) -> bytes:
        """Our answer to a check of the worker."""
        parsed = stun.parse_request(check)
        mine = parse_offer(self.offer)
        assert (parsed.local_ufrag, parsed.claims_controlled) == (mine.ice_ufrag, True)
        password = mine.ice_pwd.encode()
        assert stun.is_authentic(check, parsed, password)
        return stun.binding_response(parsed.transaction_id, ("192.0.2.7", 7), password)

    def send_raw(self, data: bytes) -> None:
        self._socket.sendto(data)

    async def close(self) -> None:
        if self._dtls is not None:
            await self._dtls.close()
        if self._socket is not None:
            self._socket.close()

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        if data[:2] == b"\0\1":
            self.asked.append(data)
            asked = stun.parse_request(data)
            # Browsers look at both names and answer none that is not of the pair that they check with.
            if self.answers_checks and (asked.remote_ufrag, asked.local_ufrag) == self._pair:
                self._socket.sendto(self.response(data))
        elif data[0] < 4:
            self.checks += 1
        elif data[0] < 64:
            if self._dtls is not None:
                self._dtls.feed(data)
        elif self._rx is not None and 192 <= data[1] <= 223:
            self.rtcp.append(_transform(adapter.srtp_unprotect_rtcp, self._rx, data))
        elif self._rx is not None:
            self.rtp.append(_transform(adapter.srtp_unprotect, self._rx, data))

    def payloads(self) -> list[bytes]:
        """What was received, without headers; packets of resent copies and paddings are as they came."""
        return [packet[payload_offset(packet) :] for packet in self.rtp]

    def _on_closed(self) -> None:
        self.is_closed = True


def _transform(function: Any, context: Any, packet: bytes) -> bytes:
    memory = adapter.new_buffer("char[]", 2048)
    length = adapter.new_buffer("int*", len(packet))
    adapter.buffer_view(memory)[: len(packet)] = packet
    assert function(context, memory, length) == 0
    return bytes(adapter.buffer_view(memory)[: length[0]])
