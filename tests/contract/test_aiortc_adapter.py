"""Every private name of aiortc and pylibsrtp that media/aiortc_adapter.py leans on, and that what it builds works."""

from __future__ import annotations

import asyncio
import gc
import inspect
from importlib.metadata import version

import pytest
from aiortc import rtcdtlstransport
from OpenSSL import SSL
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from media import aiortc_adapter as adapter
from media.aiortc_adapter import Certificate, DtlsSession
from tests.unit.media.conftest import rtp


def test_pins_are_those_that_were_read() -> None:
    assert version("aiortc").startswith("1.16.")
    assert version("aioice").startswith("0.13.")
    assert version("pylibsrtp").startswith("1.0.")
    assert version("pyopenssl").startswith("26.")


def test_private_names_of_the_dtls_transport() -> None:
    transport = rtcdtlstransport.RTCDtlsTransport
    for name in ("_setup_srtp", "_set_role", "_set_state", "_recv_next", "_write_ssl"):
        assert callable(getattr(transport, name)), name
    source = inspect.getsource(transport)
    for name in ("self._srtp_profiles", "self._rx_srtp", "self._tx_srtp", "self._ssl", "self._task", "self._role"):
        assert name in source, name
    assert "self.transport._recv()" in source
    assert "self.transport._send(data)" in source
    assert list(inspect.signature(transport).parameters) == ["transport", "certificates"]
    assert callable(rtcdtlstransport.RTCCertificate._create_ssl_context)
    assert "_create_ssl_context(\n" in source, "once for each association"
    profile = rtcdtlstransport.SRTP_PROFILES[0]
    for name in ("libsrtp_profile", "openssl_profile", "key_length", "salt_length", "get_key_and_salt"):
        assert hasattr(profile, name), name


def test_private_names_of_libsrtp() -> None:
    for name in ("srtp_protect", "srtp_protect_rtcp", "srtp_unprotect", "srtp_unprotect_rtcp"):
        assert hasattr(lib, name), name
    assert lib.srtp_err_status_ok == 0, "any(map(protect, …)) relies on it"
    policy = Policy(key=bytes(30), ssrc_type=Policy.SSRC_ANY_OUTBOUND)
    policy.window_size = 128
    assert ffi.typeof(Session(policy)._srtp[0]) == ffi.typeof("srtp_t")


async def connect(certificates: tuple[Certificate, Certificate] | None = None) -> tuple[DtlsSession, DtlsSession]:
    """Both ends in this process, their datagrams handed over directly."""
    ours, theirs = certificates or (Certificate(), Certificate())
    ends: list[DtlsSession] = []
    ends.append(DtlsSession(ours, [("sha-256", theirs.fingerprint)], "server", lambda data: _hand(ends[1], data)))
    ends.append(DtlsSession(theirs, [("sha-256", ours.fingerprint)], "client", lambda data: _hand(ends[0], data)))
    assert await asyncio.gather(*(end.handshake() for end in ends)) == [True, True]
    return ends[0], ends[1]


def _hand(end: DtlsSession, data: bytes) -> None:
    end.feed(data)


def transform(function: object, context: object, packet: bytes) -> bytes:
    memory = adapter.new_buffer("char[]", 2048)
    length = adapter.new_buffer("int*", len(packet))
    adapter.buffer_view(memory)[: len(packet)] = packet
    assert callable(function)
    assert function(context, memory, length) == 0
    return bytes(adapter.buffer_view(memory)[: length[0]])


async def test_both_roles_shake_hands_and_exchange_media() -> None:
    server, client = await connect()
    assert server.tag_size == 16, "AES-GCM is preferred"
    for sender, receiver in ((server, client), (client, server)):
        protected = transform(adapter.srtp_protect, sender.tx, rtp(1))
        assert len(protected) == len(rtp(1)) + 16
        assert transform(adapter.srtp_unprotect, receiver.rx, protected) == rtp(1)
        report = b"\x80\xc9\0\1\0\0\0\1"
        assert len(transform(adapter.srtp_protect_rtcp, sender.tx, report)) == len(report) + 20
    closed = asyncio.Event()
    client.on_closed(closed.set)
    await server.close()
    async with asyncio.timeout(2):
        await closed.wait()
    await client.close()


async def test_a_closed_association_gives_its_native_memory_back_at_once() -> None:
    gc.collect()
    before = _native_objects()
    server, client = await connect()
    assert _native_objects() > before
    gc.disable()  # those who come and go leave cycles, which may wait long for the collector
    try:
        await server.close()
        await client.close()
        assert (server.tx, server.rx) == (None, None)
        assert _native_objects() == before
    finally:
        gc.enable()


def _native_objects() -> int:
    """SRTP sessions and TLS connections that exist."""
    return sum(isinstance(item, Session | SSL.Connection) for item in gc.get_objects())


async def test_a_resend_of_the_same_packet_is_allowed() -> None:
    server, client = await connect()
    first = transform(adapter.srtp_protect, server.tx, rtp(1))
    assert transform(adapter.srtp_protect, server.tx, rtp(1)) == first
    await server.close()
    await client.close()


async def test_a_foreign_certificate_is_refused() -> None:
    certificate, impostor = Certificate(), Certificate()
    ends: list[DtlsSession] = []
    expected = [("sha-256", Certificate().fingerprint)]
    ends.append(DtlsSession(certificate, expected, "server", lambda data: _hand(ends[1], data)))
    ends.append(
        DtlsSession(impostor, [("sha-256", certificate.fingerprint)], "client", lambda data: _hand(ends[0], data))
    )
    accepted = await asyncio.gather(*(end.handshake() for end in ends))
    assert not accepted[0]
    for end in ends:
        await end.close()


async def test_associations_share_a_context_and_none_is_resumed() -> None:
    """A context of its own takes each viewer some 20 KiB; one that is shared must not remember who proved what."""
    ours = Certificate()
    ends = [end for _ in range(2) for end in await connect((ours, Certificate()))]
    associations = [end._dtls._ssl for end in ends[::2]]
    first, second = (association.get_context() for association in associations if association is not None)
    assert first is second
    assert first.get_session_cache_mode() == SSL.SESS_CACHE_OFF
    for end in ends:
        await end.close()


def test_an_idle_association_gives_its_buffers_back() -> None:
    context = Certificate().native._create_ssl_context([])
    assert context.set_mode(0) & SSL.MODE_RELEASE_BUFFERS, "modes are added, so that nothing returns what is set"


async def test_a_full_queue_drops() -> None:
    certificate = Certificate()
    session = DtlsSession(certificate, [("sha-256", certificate.fingerprint)], "server", lambda _data: None)
    taken = [session.feed(b"\x16") for _ in range(adapter.MAX_QUEUED_DATAGRAMS + 1)]
    assert taken == [True] * adapter.MAX_QUEUED_DATAGRAMS + [False]


async def test_silence_ends_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "HANDSHAKE_TIMEOUT_S", 0.05)
    certificate = Certificate()
    session = DtlsSession(certificate, [("sha-256", certificate.fingerprint)], "server", lambda _data: None)
    assert not await session.handshake()
    await session.close()
