"""DTLS by GnuTLS, for the one kind of client whose certificate our OpenSSL refuses: FFmpeg's WHIP muxer.

FFmpeg with GnuTLS makes a P-224 key, a group that OpenSSL 4 has left out of TLS (docs/adr/0007). The only file that
uses GnuTLS: the machine's, or the one inside PyAV's wheel; without either, such a client needs a P-256 key of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from media.aiortc_adapter import HANDSHAKE_TIMEOUT_S, MAX_QUEUED_DATAGRAMS, Certificate, SrtpPair, srtp_pair

PRIORITIES = b"NORMAL:-VERS-ALL:+VERS-DTLS1.2:+GROUP-SECP224R1"
MTU = 1200
RETRY_S = 0.1  # how often GnuTLS is asked whether a flight must be repeated
_SERVER, _CLIENT, _DATAGRAM, _NONBLOCK = 1, 2, 4, 8
_CERTIFICATES, _REQUIRE, _PEM, _SHUT_WRITE = 1, 2, 1, 1
_AGAIN, _INTERRUPTED = -28, -52
_EAGAIN = 11
_SRTP_PROFILES = {7: b"SRTP_AEAD_AES_128_GCM", 1: b"SRTP_AES128_CM_SHA1_80"}  # IANA numbers, the cheaper first
_DIGESTS = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}

_ffi: Any = cffi.FFI()
_ffi.cdef(
    """
    typedef void *session_t; typedef void *credentials_t;
    typedef struct { unsigned char *data; unsigned size; } datum_t;
    int gnutls_init(session_t *, unsigned);
    void gnutls_deinit(session_t);
    int gnutls_priority_set_direct(session_t, const char *, const char **);
    int gnutls_certificate_allocate_credentials(credentials_t *);
    void gnutls_certificate_free_credentials(credentials_t);
    int gnutls_certificate_set_x509_key_mem(credentials_t, const datum_t *, const datum_t *, int);
    int gnutls_credentials_set(session_t, int, void *);
    void gnutls_certificate_server_set_request(session_t, int);
    void gnutls_dtls_set_mtu(session_t, unsigned);
    void gnutls_dtls_set_timeouts(session_t, unsigned, unsigned);
    int gnutls_srtp_set_profile(session_t, int);
    const char *gnutls_srtp_get_profile_name(int);
    int gnutls_srtp_get_selected_profile(session_t, int *);
    int gnutls_srtp_get_keys(session_t, void *, unsigned, datum_t *, datum_t *, datum_t *, datum_t *);
    void gnutls_transport_set_ptr(session_t, void *);
    void gnutls_transport_set_push_function(session_t, ssize_t (*)(void *, const void *, size_t));
    void gnutls_transport_set_pull_function(session_t, ssize_t (*)(void *, void *, size_t));
    void gnutls_transport_set_pull_timeout_function(session_t, int (*)(void *, unsigned));
    void gnutls_transport_set_errno(session_t, int);
    int gnutls_handshake(session_t);
    ssize_t gnutls_record_recv(session_t, void *, size_t);
    const datum_t *gnutls_certificate_get_peers(session_t, unsigned *);
    int gnutls_error_is_fatal(int);
    int gnutls_bye(session_t, int);
    """
)


def places() -> list[str]:
    """Where the shared library may be."""
    found = ["libgnutls.so.30", "libgnutls.30.dylib"]
    wheel = importlib.util.find_spec("av")
    if wheel is not None and wheel.origin is not None:
        found += map(str, Path(wheel.origin).parents[1].glob("av.libs/libgnutls*.so*"))
    return found


@cache
def _library() -> Any:
    """None where there is none."""
    for place in places():
        try:
            return _ffi.dlopen(place)
        except OSError:
            continue
    return None


def is_available() -> bool:
    return _library() is not None


class GnuTlsSession:
    """The shape of ``DtlsSession``: one DTLS association and the SRTP sessions that come out of it."""

    def __init__(
        self, certificate: Certificate, fingerprints: list[tuple[str, str]], role: str, send: Callable[[bytes], None]
    ) -> None:
        self._lib = _library()
        self._fingerprints = fingerprints
        self._is_server = role == "server"
        self._send = send
        self._queue: list[bytes] = []
        self._arrived = asyncio.Event()
        self._closed: Callable[[], None] | None = None
        self._srtp: SrtpPair | None = None  # owns what rx and tx point to
        self._handles = _ffi.new("session_t *"), _ffi.new("credentials_t *")
        self._kept = self._open(certificate)
        self.is_open = True
        self.rx: Any = None
        self.tx: Any = None
        self.tag_size = 16

    def on_closed(self, callback: Callable[[], None]) -> None:
        """Called once when the peer closes the association or it breaks."""
        self._closed = callback

    def feed(self, datagram: bytes) -> bool:
        """Takes a DTLS datagram; False when the queue is full and it was dropped."""
        if len(self._queue) >= MAX_QUEUED_DATAGRAMS or not self.is_open:
            return False
        self._queue.append(datagram)
        if self.rx is None:
            self._arrived.set()
        else:
            self._read()
        return True

    async def handshake(self) -> bool:
        """True once keys are there; False when the peer failed, or took longer than 15 s."""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                return await self._shake() and self._is_expected_peer() and self._take_keys()
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Says goodbye to the peer."""
        if not self.is_open:
            return
        self.is_open = False
        if self.rx is not None:
            self._lib.gnutls_bye(self._handles[0][0], _SHUT_WRITE)
        self._lib.gnutls_deinit(self._handles[0][0])
        self._lib.gnutls_certificate_free_credentials(self._handles[1][0])
        self.rx = self.tx = None

    # --- private

    def _open(self, certificate: Certificate) -> tuple[Any, ...]:
        """Prepares the handles; what C points to must be kept."""
        lib, (session, credentials) = self._lib, self._handles
        pem, key = (_ffi.from_buffer(text) for text in certificate.pem())
        _must(lib.gnutls_certificate_allocate_credentials(credentials))
        data = [_ffi.new("datum_t *", (_ffi.cast("unsigned char *", item), len(item))) for item in (pem, key)]
        _must(lib.gnutls_certificate_set_x509_key_mem(credentials[0], *data, _PEM))
        _must(lib.gnutls_init(session, (_SERVER if self._is_server else _CLIENT) | _DATAGRAM | _NONBLOCK))
        _must(lib.gnutls_priority_set_direct(session[0], PRIORITIES, _ffi.NULL))
        _must(lib.gnutls_credentials_set(session[0], _CERTIFICATES, credentials[0]))
        if self._is_server:
            lib.gnutls_certificate_server_set_request(session[0], _REQUIRE)
        lib.gnutls_dtls_set_mtu(session[0], MTU)
        lib.gnutls_dtls_set_timeouts(session[0], 500, int(HANDSHAKE_TIMEOUT_S * 1000))
        for profile in _SRTP_PROFILES:
            if lib.gnutls_srtp_get_profile_name(profile) == _ffi.NULL:
                continue  # 3.7 takes any number and fails when the keys are wanted
            _must(lib.gnutls_srtp_set_profile(session[0], profile))
        push = _ffi.callback("ssize_t(void *, const void *, size_t)", self._push)
        pull = _ffi.callback("ssize_t(void *, void *, size_t)", self._pull, error=-1)
        wait = _ffi.callback("int(void *, unsigned)", self._has_datagram)
        lib.gnutls_transport_set_push_function(session[0], push)
        lib.gnutls_transport_set_pull_function(session[0], pull)
        lib.gnutls_transport_set_pull_timeout_function(session[0], wait)
        return pem, key, data, push, pull, wait

    def _push(self, _pointer: Any, data: Any, size: int) -> int:
        self._send(bytes(_ffi.buffer(data, size)))
        return size

    def _pull(self, _pointer: Any, into: Any, size: int) -> int:
        if not self._queue:
            self._lib.gnutls_transport_set_errno(self._handles[0][0], _EAGAIN)
            return -1
        datagram = self._queue.pop(0)[:size]
        _ffi.buffer(into, size)[: len(datagram)] = datagram
        return len(datagram)

    def _has_datagram(self, _pointer: Any, _timeout_ms: int) -> int:
        return 1 if self._queue else 0

    async def _shake(self) -> bool:
        while True:
            self._arrived.clear()
            result = self._lib.gnutls_handshake(self._handles[0][0])
            if result == 0:
                return True
            if self._lib.gnutls_error_is_fatal(result):
                return False
            if self._queue:
                continue
            try:
                async with asyncio.timeout(RETRY_S):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    def _is_expected_peer(self) -> bool:
        """Whether the certificate is one of those in the offer (RFC 8122 §5)."""
        count = _ffi.new("unsigned *")
        chain = self._lib.gnutls_certificate_get_peers(self._handles[0][0], count)
        if chain == _ffi.NULL or not count[0]:
            return False
        der = bytes(_ffi.buffer(chain[0].data, chain[0].size))
        return any(
            _DIGESTS[algorithm](der).hexdigest() == digest.replace(":", "").lower()
            for algorithm, digest in self._fingerprints
            if algorithm in _DIGESTS
        )

    def _take_keys(self) -> bool:
        profile = _ffi.new("int *")
        if self._lib.gnutls_srtp_get_selected_profile(self._handles[0][0], profile) or profile[0] not in _SRTP_PROFILES:
            return False
        memory = _ffi.new("char[]", 256)
        parts = [_ffi.new("datum_t *") for _ in range(4)]
        if self._lib.gnutls_srtp_get_keys(self._handles[0][0], memory, 256, *parts) < 0:
            return False
        key, salt, server_key, server_salt = (bytes(_ffi.buffer(part.data, part.size)) for part in parts)
        client, server = key + salt, server_key + server_salt
        tx, rx = (server, client) if self._is_server else (client, server)
        self._srtp = srtp_pair(_SRTP_PROFILES[profile[0]], tx, rx)
        self.rx, self.tx, self.tag_size = self._srtp.rx, self._srtp.tx, self._srtp.tag_size
        return True

    def _read(self) -> None:
        """No application data is expected; a goodbye is."""
        scratch = _ffi.new("char[]", 2048)
        for _ in range(2 * MAX_QUEUED_DATAGRAMS):
            if not self._queue:
                return
            result = self._lib.gnutls_record_recv(self._handles[0][0], scratch, 2048)
            if result > 0 or result in (_AGAIN, _INTERRUPTED):
                continue
            if result == 0 or self._lib.gnutls_error_is_fatal(result):
                self._queue.clear()
                callback, self._closed = self._closed, None
                if callback is not None:
                    callback()


def _must(result: int) -> None:
    if result < 0:
        raise RuntimeError(f"GnuTLS answers {result}")
