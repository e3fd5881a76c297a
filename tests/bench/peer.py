"""One generated participant's path to the worker: a UDP socket, ICE as the controlling side, DTLS-SRTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket

from tests.bench import stun
from tests.bench.dtls import DtlsAssociation, SrtpSession, local_fingerprint
from tests.bench.offer import Answer, LocalSecrets

UDP_GRO = 104  # linux/udp.h; Python's socket module has no name for it
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35  # asm-generic/socket.h; the latter is also the type of its control message
RECEIVE_BUFFER_BYTES = 1 << 20
CHECK_RETRY_S = 0.1
CONNECT_TIMEOUT_S = 15.0


def open_socket(*, gro: bool, host: str = "127.0.0.1") -> socket.socket:
    """A UDP socket on this machine. With ``gro`` the kernel hands over a burst of equal packets in one read."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except OSError:  # needs CAP_NET_ADMIN; without it the system's limit holds
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    if gro:
        with contextlib.suppress(OSError):  # an older kernel: one packet per read
            sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    sock.bind((host, 0))
    return sock


class Peer:
    """Connects a participant. The owner reads the socket and hands STUN and DTLS datagrams to ``receive``."""

    def __init__(self, *, gro: bool, host: str = "127.0.0.1") -> None:
        self.socket = open_socket(gro=gro, host=host)
        # Browsers: 4 and 24 characters of the ICE alphabet (RFC 8839 §5.4).
        self.secrets = LocalSecrets(
            secrets.token_hex(2), secrets.token_hex(12), local_fingerprint(), *self.socket.getsockname()
        )
        self.checks_sent = 0
        self.checks_answered = 0
        self._tie_breaker = os.urandom(8)
        self._transaction_id = b""
        self._username = self._password = ""
        self._checked = asyncio.Event()
        self._dtls = DtlsAssociation(self.socket.send)
        self.sending: SrtpSession | None = None  # until the handshake is over
        self.receiving: SrtpSession | None = None

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def profile(self) -> str:
        return self._dtls.profile

    def stamp_arrivals(self) -> None:
        """Lets the kernel say when each datagram reached this socket, however late it is read."""
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    async def connect(self, answer: Answer) -> None:
        """Connectivity check, then the DTLS handshake. Raises TimeoutError or ConnectionError."""
        self._username = f"{answer.ufrag}:{self.secrets.ufrag}"
        self._password = answer.password
        self.socket.connect(answer.candidates[0])
        checking = asyncio.create_task(self._keep_checking())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._checked.wait()
            await self._dtls.connect(
                active=answer.setup != "active",
                algorithm=answer.fingerprint_algorithm,
                fingerprint=answer.fingerprint,
                timeout_s=CONNECT_TIMEOUT_S,
            )
        except TimeoutError as error:
            raise TimeoutError(str(error) or "no connectivity check was answered") from None
        finally:
            checking.cancel()
        self.sending, self.receiving = self._dtls.sending, self._dtls.receiving

    async def _keep_checking(self) -> None:
        """Until the handshake is over: a server may have heard the first check before it was ready for it."""
        while True:
            self.check()
            await asyncio.sleep(CHECK_RETRY_S)

    def check(self) -> None:
        """Sends one connectivity check; in a connection it keeps the path alive."""
        self._transaction_id = os.urandom(12)
        request = stun.binding_request(self._transaction_id, self._username, self._password, self._tie_breaker)
        self.checks_sent += 1
        self.send(request)

    def receive(self, datagram: bytes) -> None:
        """STUN and DTLS (RFC 7983 §7: the first byte tells them apart)."""
        if datagram[0] < 4:
            if stun.is_success(datagram, self._transaction_id, self._password):
                self.checks_answered += 1
                self._checked.set()
            elif self._password:  # a server that checks too, although it is lite
                answer = stun.binding_success(datagram, self.socket.getpeername(), self.secrets.password)
                if answer is not None:
                    self.send(answer)
        elif 19 < datagram[0] < 64:
            self._dtls.receive(datagram)

    def send(self, datagram: bytes) -> None:
        # A full socket buffer or a worker that is gone shows in what is delivered, not as an exception here.
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self.socket.send(datagram)

    def send_rtp(self, packet: bytes) -> None:
        """Only after ``connect``."""
        assert self.sending is not None
        self.send(self.sending.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Only after ``connect``."""
        assert self.sending is not None
        self.send(self.sending.protect_rtcp(packet))

    async def close(self) -> None:
        with contextlib.suppress(OSError):
            await self._dtls.close()
        self.socket.close()
