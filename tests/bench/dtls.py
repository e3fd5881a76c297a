"""DTLS-SRTP of a generated participant; the only file of the bench that imports aiortc and pylibsrtp.

``RTCDtlsTransport`` runs over a stand-in for its ICE transport. After the handshake the two SRTP sessions are used
directly; their private names are the same that the program's own adapter relies on and pins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, cast

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCDtlsTransport
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

__all__ = ["DtlsAssociation", "SrtpError", "SrtpSession", "local_fingerprint", "loopback_session"]


class SrtpSession(Protocol):
    """One direction of SRTP. Every method raises ``SrtpError`` for a packet that it refuses."""

    def protect(self, packet: bytes) -> bytes: ...
    def protect_rtcp(self, packet: bytes) -> bytes: ...
    def unprotect(self, packet: bytes) -> bytes: ...
    def unprotect_rtcp(self, packet: bytes) -> bytes: ...


@cache
def _certificate() -> RTCCertificate:
    # One for the whole generator: making 150 keys would only lengthen the start of a run.
    return RTCCertificate.generateCertificate()


def local_fingerprint() -> str:
    """SHA-256 of the generator's certificate, as ``a=fingerprint`` writes it."""
    return next(f.value for f in _certificate().getFingerprints() if f.algorithm == "sha-256")


def loopback_session() -> SrtpSession:
    """A sending session with a fixed key, for the yardstick: AES-128-GCM, with the settings that a handshake gives."""
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    policy = Policy(key=bytes(28), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return cast(SrtpSession, Session(policy))


class _Datagrams:
    """Stands for the ICE transport that RTCDtlsTransport reads from and writes to."""

    role = "controlling"
    state = "completed"

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send_datagram = send
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        return await self.incoming.get()

    async def _send(self, data: bytes) -> None:
        self._send_datagram(data)


class DtlsAssociation:
    """One handshake and the SRTP sessions that come out of it."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._datagrams = _Datagrams(send)
        self._transport: Any = RTCDtlsTransport(cast(Any, self._datagrams), [_certificate()])
        # AES-256 is left out, so that every server is measured with the same cipher.
        self._transport._srtp_profiles = [profile for profile in SRTP_PROFILES if profile.key_length == 16]

    def receive(self, datagram: bytes) -> None:
        self._datagrams.incoming.put_nowait(datagram)

    async def connect(self, *, active: bool, algorithm: str, fingerprint: str, timeout_s: float) -> None:
        """Raises ConnectionError if the handshake fails and TimeoutError if it does not end in time."""
        self._transport._set_role("client" if active else "server")
        parameters = RTCDtlsParameters([RTCDtlsFingerprint(algorithm=algorithm, value=fingerprint)])
        try:
            async with asyncio.timeout(timeout_s):
                await self._transport.start(parameters)
        except TimeoutError:
            raise TimeoutError(f"a DTLS handshake was not over within {timeout_s:.0f} s") from None
        if self._transport.state != "connected":
            raise ConnectionError(f"DTLS is {self._transport.state} instead of connected")

    async def close(self) -> None:
        await self._transport.stop()

    @property
    def sending(self) -> SrtpSession:
        return cast(SrtpSession, self._transport._tx_srtp)

    @property
    def receiving(self) -> SrtpSession:
        return cast(SrtpSession, self._transport._rx_srtp)

    @property
    def profile(self) -> str:
        """Name of the negotiated SRTP protection profile, for the report."""
        return bytes(self._transport._ssl.get_selected_srtp_profile()).decode()
