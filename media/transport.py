"""One ICE + DTLS association with a client: whose datagrams these are, keys, protection, liveness. Knows no rooms.

Closing: ``close()`` is idempotent; the owner detaches its slots first, since their cohorts hold SRTP contexts.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any, Protocol

from media import gnutls_adapter
from media.aiortc_adapter import (
    Certificate,
    DtlsSession,
    buffer_view,
    new_buffer,
    srtp_protect,
    srtp_protect_rtcp,
    srtp_unprotect,
    srtp_unprotect_rtcp,
)
from media.gnutls_adapter import GnuTlsSession
from media.ice.agent import IceAgent
from media.limits import Allowance
from media.stats import Counters
from media.udp import Address, DatagramPort

if TYPE_CHECKING:
    from media.demux import Demux
    from media.sdp.offer import Offer

logger = logging.getLogger(__name__)
HELD_ADDRESS_S = 3.0
BUFFER_BYTES = 2048
MAX_LOGGED_FAULTS = 10
REPORTS_PER_S, REPORTS_BURST = 500, 1000  # RTCP packets; nine pictures with loss make some two hundred
MAX_SSRCS = 128  # libsrtp keeps a stream for each that it has seen, media and reports

# One buffer for the process: everything between copy and send is synchronous.
_memory = new_buffer("char[]", BUFFER_BYTES)
_buffer = memoryview(buffer_view(_memory)).cast("B")
_length = new_buffer("int*")


class TransportListener(Protocol):
    """Told of what happens to a transport. The packets are plain; both handlers may raise ValueError."""

    def handle_connected(self, _transport: Transport) -> None: ...

    def handle_moved(self, _transport: Transport) -> None: ...

    def handle_closed_by_peer(self, _transport: Transport) -> None: ...

    def handle_rtp(self, _transport: Transport, packet: bytes, now: float) -> None: ...

    def handle_rtcp(self, transport: Transport, packet: bytes, now: float) -> None: ...


class Transport:
    """Found by ufrag until a check has passed, by source address from then on."""

    def __init__(
        self,
        offer: Offer,
        listener: TransportListener,
        demux: Demux,
        port: DatagramPort,
        certificate: Certificate,
        counters: Counters,
        now: float,
    ) -> None:
        self.identity = offer.identity
        self.role = "client" if offer.setup == "passive" else "server"
        self.counters = counters
        self.address: Address | None = None
        self.rx: Any = None  # SRTP contexts, None until DTLS is done
        self.tx: Any = None
        self.tag_size = 16
        self.last_heard_at = now
        self.is_closed = False
        self.answers = 0
        self.session_id = secrets.randbits(62)
        self._ssrcs: set[bytes] = set()
        self._reports = Allowance(REPORTS_PER_S, REPORTS_BURST)
        self._listener = listener
        self._demux = demux
        self._port = port
        session = GnuTlsSession if offer.origin == "FFmpeg" and gnutls_adapter.is_available() else DtlsSession
        self._dtls = session(certificate, offer.fingerprints, self.role, self._send_dtls)
        self._task: asyncio.Task[None] | None = None
        self.ice = IceAgent(self, offer, demux, port)

    @property
    def is_connected(self) -> bool:
        return self.tx is not None and self.address is not None and not self.is_closed

    def is_alive(self, now: float) -> bool:
        """Whether this address is surely in use: browsers send something every two to three seconds."""
        return self.is_connected and now - self.last_heard_at < HELD_ADDRESS_S

    # --- ICE

    def move(self, address: Address) -> None:
        """From now on it is sent to here."""
        self.address = address
        self._listener.handle_moved(self)

    def handle_alive(self, address: Address, now: float) -> None:
        """The client has shown that it is here."""
        self.last_heard_at = now
        if self._task is None:
            self._task = asyncio.create_task(self._handshake(address))

    def handle_stray(self, data: bytes, address: Address, now: float) -> bool:
        """Media from an address that passed no check; whether it is our client's, who is asked then if he is there."""
        if not self.is_connected or not self.handle_srtp(data, now):
            return False
        self.ice.ask(address, now)
        return True

    # --- DTLS

    def handle_dtls(self, data: bytes) -> None:
        self.counters["dtls_in" if self._dtls.feed(data) else "drop_dtls_queue"] += 1

    def _send_dtls(self, data: bytes) -> None:
        if self.address is not None:
            self._port.send(data, self.address)

    async def _handshake(self, address: Address) -> None:
        try:
            async with self._demux.handshake_place(address):
                is_done = await self._dtls.handshake()
        except Exception:  # OpenSSL may complain in many ways about a peer; none may cost us the task
            logger.exception("DTLS handshake broke")
            is_done = False
        if not is_done:
            self.counters["dtls_failed"] += 1
            if not self.is_closed:
                self._listener.handle_closed_by_peer(self)
            return
        if self.is_closed:
            return
        self._dtls.on_closed(self._on_dtls_closed)
        self.tag_size = self._dtls.tag_size
        self.rx, self.tx = self._dtls.rx, self._dtls.tx
        self.counters["dtls_connected"] += 1
        self._listener.handle_connected(self)

    def _on_dtls_closed(self) -> None:
        if not self.is_closed:
            self._listener.handle_closed_by_peer(self)

    # --- SRTP

    def handle_srtp(self, data: bytes, now: float) -> bool:
        """RTP or RTCP; whether it is authentic and new. Nothing that is in it can end the session."""
        if self.rx is None:
            self.counters["drop_before_dtls"] += 1
            return False
        size = len(data)
        _buffer[:size] = data
        _length[0] = size
        is_rtcp = 192 <= data[1] <= 223  # RFC 5761 §4
        ssrc = data[4:8] if is_rtcp else data[8:12]
        is_known = ssrc in self._ssrcs
        if not is_known and len(self._ssrcs) >= MAX_SSRCS:
            self.counters["drop_ssrcs"] += 1
            return False
        unprotect = srtp_unprotect_rtcp if is_rtcp else srtp_unprotect
        if unprotect(self.rx, _memory, _length):
            self.counters["drop_srtp"] += 1
            return False
        if not is_known:
            self._ssrcs.add(ssrc)
            self._demux.strays.know(ssrc, self)
        self.last_heard_at = now
        if is_rtcp and not self._reports.take(now):
            self.counters["drop_rtcp_rate"] += 1
            return True
        packet = bytes(_buffer[: _length[0]])
        try:
            if is_rtcp:
                self._listener.handle_rtcp(self, packet, now)
            else:
                self._listener.handle_rtp(self, packet, now)
        except ValueError:
            self.counters["drop_malformed"] += 1
        except Exception:
            self.counters["fault_packet"] += 1
            if self.counters["fault_packet"] <= MAX_LOGGED_FAULTS:
                logger.exception("handling a packet failed")
        return True

    def send_rtcp(self, packet: bytes) -> None:
        self._send(packet, srtp_protect_rtcp, False)

    def send_rtp(self, packet: bytes) -> None:
        """One packet for this transport alone: a resend. Bursts go through the fan-out."""
        self._send(packet, srtp_protect, True)

    def _send(self, packet: bytes, protect: Any, is_resend: bool) -> None:
        if not self.is_connected or self.address is None or len(packet) > BUFFER_BYTES - 64:
            return
        size = len(packet)
        _buffer[:size] = packet
        _length[0] = size
        if protect(self.tx, _memory, _length):
            self.counters["drop_protect"] += 1
            return
        self._port.send(_buffer[: _length[0]], self.address, is_resend)

    # --- end

    def close(self) -> asyncio.Task[None] | None:
        """Frees addresses and ufrags at once; the returned task says goodbye to the peer."""
        if self.is_closed:
            return None
        self.is_closed = True
        self.ice.close()
        self._demux.strays.forget(self, self._ssrcs)
        return asyncio.create_task(self._finish())

    async def _finish(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._dtls.close()
        self.rx = self.tx = None
        self.ice.close_streams()
