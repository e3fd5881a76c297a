"""The few functions of GnuTLS that are used, in both places where the library may be; and why they are needed."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.bindings.openssl.binding import Binding
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL

from media import aiortc_adapter as adapter
from media import gnutls_adapter
from media.aiortc_adapter import Certificate, DtlsSession
from media.gnutls_adapter import GnuTlsSession
from tests.contract.test_aiortc_adapter import transform
from tests.unit.media.conftest import rtp

LIBRARIES = [place for place in gnutls_adapter.places() if place.endswith(".so.30") or "av.libs" in place]


class P224Certificate:
    """What FFmpeg with GnuTLS makes for itself."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP224R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lavf")])
        now = datetime.datetime.now(tz=datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self._pem = (
            made.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
        digest = hashlib.sha256(made.public_bytes(Encoding.DER)).hexdigest().upper()
        self.fingerprint = ":".join(digest[at : at + 2] for at in range(0, 64, 2))

    def pem(self) -> tuple[bytes, bytes]:
        return self._pem


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each of the libraries alone."""
    monkeypatch.setattr(gnutls_adapter, "places", lambda: [request.param])
    gnutls_adapter._library.cache_clear()
    yield request.param
    gnutls_adapter._library.cache_clear()


Session = type[DtlsSession] | type[GnuTlsSession]


def _pair(ours: Session, role: str, theirs: Session, certificate: Any, expected: str | None = None) -> tuple[Any, Any]:
    """Our end in this role against a client of the other; their datagrams are handed over directly."""
    own = Certificate()
    ends: list[Any] = []
    other = "client" if role == "server" else "server"
    fingerprint = expected or certificate.fingerprint
    ends.append(ours(own, [("sha-256", fingerprint)], role, lambda data: ends[1].feed(data)))
    ends.append(theirs(certificate, [("sha-256", own.fingerprint)], other, lambda data: ends[0].feed(data)))
    return ends[0], ends[1]


async def _shake(*ends: Any) -> list[bool]:
    async with asyncio.timeout(10):
        return list(await asyncio.gather(*(end.handshake() for end in ends)))


@pytest.mark.parametrize("role", ["server", "client"])
async def test_a_p224_certificate_is_taken_in_both_roles(library: str, role: str) -> None:
    ours, theirs = _pair(GnuTlsSession, role, GnuTlsSession, P224Certificate())
    assert await _shake(ours, theirs) == [True, True]
    for sender, receiver in ((ours, theirs), (theirs, ours)):
        protected = transform(adapter.srtp_protect, sender.tx, rtp(1))
        assert len(protected) == len(rtp(1)) + ours.tag_size
        assert transform(adapter.srtp_unprotect, receiver.rx, protected) == rtp(1)
    closed = asyncio.Event()
    ours.on_closed(closed.set)
    await theirs.close()
    assert closed.is_set(), "its goodbye is heard"
    await ours.close()
    await ours.close()
    assert not ours.feed(b"\x16" * 20)


@pytest.mark.parametrize("role", ["server", "client"])
async def test_it_understands_openssl(library: str, role: str) -> None:
    ours, theirs = _pair(GnuTlsSession, role, DtlsSession, Certificate())
    assert await _shake(ours, theirs) == [True, True]
    assert ours.tag_size == theirs.tag_size
    assert transform(adapter.srtp_unprotect, theirs.rx, transform(adapter.srtp_protect, ours.tx, rtp(1))) == rtp(1)
    closed = asyncio.Event()
    theirs.on_closed(closed.set)
    await ours.close()
    async with asyncio.timeout(2):
        await closed.wait()
    await theirs.close()


@pytest.mark.parametrize("role", ["server", "client"])
async def test_a_foreign_certificate_is_refused(library: str, role: str) -> None:
    ours, theirs = _pair(GnuTlsSession, role, GnuTlsSession, P224Certificate(), Certificate().fingerprint)
    assert (await _shake(ours, theirs))[0] is False
    for end in (ours, theirs):
        await end.close()


async def test_silence_and_junk_end_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gnutls_adapter, "HANDSHAKE_TIMEOUT_S", 0.05)
    session = GnuTlsSession(Certificate(), [("sha-256", "00")], "server", lambda _data: None)
    session.feed(b"\x16" * 60)
    assert not await session.handshake()
    await session.close()
    session = GnuTlsSession(Certificate(), [("sha-256", "00")], "server", lambda _data: None)
    taken = [session.feed(b"\x16") for _ in range(adapter.MAX_QUEUED_DATAGRAMS + 1)]
    assert taken[-2:] == [True, False]
    await session.close()


async def test_junk_after_the_handshake_ends_nothing(library: str) -> None:
    ours, theirs = _pair(GnuTlsSession, "server", GnuTlsSession, P224Certificate())
    assert await _shake(ours, theirs) == [True, True]
    closed: list[bool] = []
    ours.on_closed(lambda: closed.append(True))
    for junk in (
        b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28",
        b"\x16" * 40,
        b"\x17\xfe\xfd\0\1" + bytes(60),
        b"\x3f" * 13,
    ):
        ours.feed(junk)
    assert not closed
    for end in (ours, theirs):
        await end.close()


async def test_openssl_still_refuses_what_ffmpeg_makes() -> None:
    """When this fails, the TLS groups of our OpenSSL hold P-224 again and this adapter can go (docs/adr/0007)."""
    binding = Binding()
    groups = binding.lib
    context = SSL.Context(SSL.DTLS_METHOD)
    assert groups.SSL_CTX_set1_curves_list(context._context, b"P-256") == 1
    assert groups.SSL_CTX_set1_curves_list(context._context, b"P-224") == 0
    assert groups.SSL_CTX_set1_curves_list(context._context, b"secp224r1") == 0
    ours, theirs = _pair(DtlsSession, "server", GnuTlsSession, P224Certificate())
    assert (await _shake(ours, theirs))[0] is False
    for end in (ours, theirs):
        await end.close()
