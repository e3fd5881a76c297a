"""STUN connectivity checks as an ICE-controlling browser sends them, and their answers (RFC 8489, RFC 8445); pure."""

from __future__ import annotations

import hashlib
import hmac
import socket
import struct
import zlib

COOKIE = 0x2112A442
BINDING_REQUEST, BINDING_SUCCESS = 0x0001, 0x0101
USERNAME, MESSAGE_INTEGRITY, XOR_MAPPED_ADDRESS, PRIORITY, USE_CANDIDATE = 0x0006, 0x0008, 0x0020, 0x0024, 0x0025
FINGERPRINT, ICE_CONTROLLING = 0x8028, 0x802A
# Peer-reflexive priority of a UDP host candidate (RFC 8445 §5.1.2.1: type preference 110).
PEER_REFLEXIVE_PRIORITY = (110 << 24) | (65535 << 8) | 255

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _seal(kind: int, transaction_id: bytes, attributes: bytes, password: bytes) -> bytes:
    """Adds MESSAGE-INTEGRITY and FINGERPRINT; each covers a header that already counts it (RFC 8489 §14.5, §14.7)."""
    covered = _HEADER.pack(kind, len(attributes) + 24, COOKIE, transaction_id) + attributes
    attributes += _attribute(MESSAGE_INTEGRITY, hmac.digest(password, covered, hashlib.sha1))
    covered = _HEADER.pack(kind, len(attributes) + 8, COOKIE, transaction_id) + attributes
    return covered + _attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(covered) ^ 0x5354554E))


def binding_request(transaction_id: bytes, username: str, password: str, tie_breaker: bytes) -> bytes:
    """A check that nominates its pair. A browser whose peer is ICE-lite puts USE-CANDIDATE into every one of them."""
    attributes = (
        _attribute(USERNAME, username.encode())
        + _attribute(ICE_CONTROLLING, tie_breaker)
        + _attribute(USE_CANDIDATE, b"")
        + _attribute(PRIORITY, struct.pack("!I", PEER_REFLEXIVE_PRIORITY))
    )
    return _seal(BINDING_REQUEST, transaction_id, attributes, password.encode())


def binding_success(request: bytes, address: tuple[str, int], password: str) -> bytes | None:
    """The answer to a check that came from ``address``; None if it is none, or not from who knows our password."""
    if len(request) < _HEADER.size or not _is_authentic(request, password):
        return None
    kind, _length, _cookie, transaction_id = _HEADER.unpack_from(request)
    if kind != BINDING_REQUEST:
        return None
    host, port = address
    ip = struct.unpack("!I", socket.inet_aton(host))[0]
    mapped = struct.pack("!xBHI", 1, port ^ (COOKIE >> 16), ip ^ COOKIE)
    return _seal(BINDING_SUCCESS, transaction_id, _attribute(XOR_MAPPED_ADDRESS, mapped), password.encode())


def is_success(data: bytes, transaction_id: bytes, password: str) -> bool:
    """Whether ``data`` is the authenticated success response to that transaction."""
    if len(data) < _HEADER.size:
        return False
    kind, _length, cookie, transaction = _HEADER.unpack_from(data)
    if (kind, cookie, transaction) != (BINDING_SUCCESS, COOKIE, transaction_id):
        return False
    return _is_authentic(data, password)


def _is_authentic(data: bytes, password: str) -> bool:
    """Whether the length is right and MESSAGE-INTEGRITY covers what comes before it."""
    if len(data) != _HEADER.size + int.from_bytes(data[2:4], "big"):
        return False
    offset = _HEADER.size
    while offset + _ATTRIBUTE.size <= len(data):
        attribute, size = _ATTRIBUTE.unpack_from(data, offset)
        if attribute == MESSAGE_INTEGRITY:
            covered = data[:2] + struct.pack("!H", offset + 24 - _HEADER.size) + data[4:offset]
            digest = hmac.digest(password.encode(), covered, hashlib.sha1)
            return hmac.compare_digest(digest, data[offset + 4 : offset + 4 + size])
        offset += _ATTRIBUTE.size + size + (-size % 4)
    return False
