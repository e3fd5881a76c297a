"""The only file that uses aiortc, aioice, pyOpenSSL or pylibsrtp: DTLS over our own datagrams, SRTP on our own buffers.

It knows no rooms and no packets beyond their bytes. A contract test asserts every private name that is used here;
the versions are pinned.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import (
    SRTP_PROFILES,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi as srtp_ffi
from pylibsrtp._binding import lib as srtp_lib

HANDSHAKE_TIMEOUT_S = 15
MAX_QUEUED_DATAGRAMS = 64
SEND_WINDOW = 128  # libsrtp shifts the whole window for each packet: 1024 costs 2 % (and 128 is its least)
RECEIVE_WINDOW = 1024

srtp_protect: Any = srtp_lib.srtp_protect
srtp_protect_rtcp: Any = srtp_lib.srtp_protect_rtcp
srtp_unprotect: Any = srtp_lib.srtp_unprotect
srtp_unprotect_rtcp: Any = srtp_lib.srtp_unprotect_rtcp
new_buffer: Any = srtp_ffi.new
buffer_view: Any = srtp_ffi.buffer
MAX_TRAILER = 32  # GCM: 16 for SRTP, 20 for SRTCP; SHA1-80: 10 and 14


def address_of(pointer: Any) -> int:
    """The numeric address of a cffi pointer of libsrtp's FFI, to hand it to another FFI."""
    return int(srtp_ffi.cast("intptr_t", pointer))


# AES-128-GCM first: half the cost of AES-CM with SHA-1, and cheaper than AES-256 (a server's list decides).
_PROFILES = sorted(SRTP_PROFILES, key=lambda profile: (b"AEAD" not in profile.openssl_profile, profile.key_length))


class _SharedContextCertificate(RTCCertificate):
    """aiortc makes an OpenSSL context for each association; this makes one for all of them, with our SRTP profiles.

    With that, and since an idle association gives its buffer for records back, each takes a third less. None is
    resumed: each proves its certificate.
    """

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:  # noqa: ARG002 - ours
        if self._context is None:
            self._context = super()._create_ssl_context(_PROFILES)
            self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return self._context


class Certificate:
    """The DTLS certificate of the process, with its SHA-256 fingerprint."""

    def __init__(self) -> None:
        self._certificate = _SharedContextCertificate.generateCertificate()
        self.fingerprint: str = next(
            item.value for item in self._certificate.getFingerprints() if item.algorithm == "sha-256"
        )

    @property
    def native(self) -> Any:
        return self._certificate

    def pem(self) -> tuple[bytes, bytes]:
        """Certificate and private key."""
        key = self._certificate._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._certificate._cert.public_bytes(Encoding.PEM), key


class _Datagrams:
    """Stands for aiortc's ICE transport below its DTLS transport."""

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED_DATAGRAMS)
        self._datagram = send

    async def _recv(self) -> bytes:
        return await self.queue.get()

    async def _send(self, data: bytes) -> None:
        self._datagram(data)


class _Dtls(RTCDtlsTransport):
    """aiortc's DTLS with our choice of SRTP profile and windows."""

    tag_size = 16

    def _setup_srtp(self) -> None:
        ssl: Any = self._ssl
        chosen = ssl.get_selected_srtp_profile()
        profile = next((item for item in self._srtp_profiles if item.openssl_profile == chosen), None)
        if profile is None:
            self._set_state(State.FAILED)
            return
        keys = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (profile.key_length + profile.salt_length))
        client, server = profile.get_key_and_salt(keys, 0), profile.get_key_and_salt(keys, 1)
        tx_key, rx_key = (server, client) if self._role == "server" else (client, server)
        self._rx_srtp = _session(profile, rx_key, Policy.SSRC_ANY_INBOUND, RECEIVE_WINDOW)
        self._tx_srtp = _session(profile, tx_key, Policy.SSRC_ANY_OUTBOUND, SEND_WINDOW)
        self.tag_size = _tag_size(profile)


def _session(profile: Any, key: bytes, direction: int, window: int) -> Any:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile.libsrtp_profile)
    policy.allow_repeat_tx = True
    policy.window_size = window
    return Session(policy)


class SrtpPair:
    """The SRTP sessions of an association whose keys another DTLS library has negotiated."""

    def __init__(self, profile: Any, tx_key: bytes, rx_key: bytes) -> None:
        self._sessions = (
            _session(profile, rx_key, Policy.SSRC_ANY_INBOUND, RECEIVE_WINDOW),
            _session(profile, tx_key, Policy.SSRC_ANY_OUTBOUND, SEND_WINDOW),
        )
        self.rx, self.tx = (session._srtp[0] for session in self._sessions)
        self.tag_size = _tag_size(profile)


def srtp_pair(profile_name: bytes, tx_key: bytes, rx_key: bytes) -> SrtpPair:
    """Keys with their salts; the profile by OpenSSL's name."""
    profile = next(item for item in SRTP_PROFILES if item.openssl_profile == profile_name)
    return SrtpPair(profile, tx_key, rx_key)


def _tag_size(profile: Any) -> int:
    return 16 if b"AEAD" in profile.openssl_profile else 10


class DtlsSession:
    """One DTLS association and the SRTP sessions that come out of it."""

    def __init__(
        self, certificate: Certificate, fingerprints: list[tuple[str, str]], role: str, send: Callable[[bytes], None]
    ) -> None:
        self._datagrams = _Datagrams(send)
        transport: Any = self._datagrams
        self._dtls = _Dtls(transport, [certificate.native])
        self._dtls._set_role(role)
        self._dtls._srtp_profiles = _PROFILES
        self._remote = RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value) for algorithm, value in fingerprints])
        self.rx: Any = None  # srtp_t; valid as long as this object lives
        self.tx: Any = None
        self.tag_size = 16

    def on_closed(self, callback: Callable[[], None]) -> None:
        """Called once when the peer closes the association or it breaks."""

        @self._dtls.on("statechange")
        def changed() -> None:
            if self._dtls.state in ("closed", "failed"):
                callback()

    def feed(self, datagram: bytes) -> bool:
        """Hands a DTLS datagram on; False when the queue is full and it was dropped."""
        try:
            self._datagrams.queue.put_nowait(datagram)
        except asyncio.QueueFull:
            return False
        return True

    async def handshake(self) -> bool:
        """True once keys are there; False when the peer failed, or took longer than 15 s."""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._dtls.start(self._remote)
        except (TimeoutError, ConnectionError):
            return False
        if self._dtls.state != "connected":
            return False
        self.tag_size = self._dtls.tag_size
        self.rx = self._dtls._rx_srtp._srtp[0]
        self.tx = self._dtls._tx_srtp._srtp[0]
        return True

    async def close(self) -> None:
        """Says goodbye to the peer and stops the pump."""
        task = self._dtls._task
        with contextlib.suppress(Exception):  # a broken association has nobody to say goodbye to
            await self._dtls.stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        self._dtls.remove_all_listeners()
        # What is left waits in a cycle for the collector, which does not see how much native memory hangs on it.
        self.rx = self.tx = None
        released: Any = self._dtls
        released._ssl = released._rx_srtp = released._tx_srtp = None
