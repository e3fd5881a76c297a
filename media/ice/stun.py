"""STUN binding requests of clients and of our own, and their answers (RFC 8489, RFC 8445).

Whose password applies is the caller's affair.
"""

from __future__ import annotations

import hmac
import socket
import struct
import zlib
from typing import NamedTuple

MAGIC = b"\x21\x12\xa4\x42"
_BINDING_REQUEST, _BINDING_SUCCESS = b"\x00\x01", b"\x01\x01"
_USERNAME, _MESSAGE_INTEGRITY, _USE_CANDIDATE, _FINGERPRINT = 0x0006, 0x0008, 0x0025, 0x8028
_PRIORITY, _ICE_CONTROLLED = 0x0024, 0x8029
PEER_REFLEXIVE_PRIORITY = (110 << 24) + (65535 << 8) + 255  # RFC 8445 §5.1.2.1
_ATTRIBUTE = struct.Struct("!HH")
_FINGERPRINT_XOR = 0x5354554E
HEADER_SIZE = 20
MAX_SIZE = 548  # RFC 8489 §6.1: requests without known path MTU stay below this
MAX_ATTRIBUTES = 32


class BindingRequest(NamedTuple):
    """A request that is well formed but not yet authenticated."""

    local_ufrag: str
    remote_ufrag: str  # who sent it; empty when it does not say
    transaction_id: bytes
    use_candidate: bool
    claims_controlled: bool
    integrity_offset: int


class BindingSuccess(NamedTuple):
    """An answer to a request of ours, well formed but not yet authenticated."""

    transaction_id: bytes
    integrity_offset: int


def is_stun(data: bytes) -> bool:
    """First byte 0-3 (RFC 7983) and the magic cookie."""
    return len(data) >= HEADER_SIZE and data[0] < 4 and data[4:8] == MAGIC


def is_success(data: bytes) -> bool:
    """Whether it claims to answer a binding request."""
    return data[:2] == _BINDING_SUCCESS


def parse_request(data: bytes) -> BindingRequest:
    """Raises ValueError unless this is a binding request with USERNAME and MESSAGE-INTEGRITY."""
    found, integrity = _attributes(data, _BINDING_REQUEST)
    username = found.get(_USERNAME, b"")
    if not integrity or not username:
        raise ValueError("binding request lacks USERNAME or MESSAGE-INTEGRITY")
    ours, _, theirs = username.decode("ascii", "replace").partition(":")
    return BindingRequest(ours, theirs, data[8:20], _USE_CANDIDATE in found, _ICE_CONTROLLED in found, integrity)


def parse_success(data: bytes) -> BindingSuccess:
    """Raises ValueError unless this is an answer with MESSAGE-INTEGRITY."""
    _, integrity = _attributes(data, _BINDING_SUCCESS)
    if not integrity:
        raise ValueError("binding answer lacks MESSAGE-INTEGRITY")
    return BindingSuccess(data[8:20], integrity)


def _attributes(data: bytes, kind: bytes) -> tuple[dict[int, bytes], int]:
    """What stands before MESSAGE-INTEGRITY, and where that is (0: nowhere). Raises ValueError."""
    if not is_stun(data) or len(data) > MAX_SIZE or data[:2] != kind:
        raise ValueError("not a binding message of this kind")
    if int.from_bytes(data[2:4], "big") != len(data) - HEADER_SIZE or len(data) % 4:
        raise ValueError("STUN length does not fit")
    found: dict[int, bytes] = {}
    offset = HEADER_SIZE
    for _ in range(MAX_ATTRIBUTES):
        if offset + 4 > len(data):
            break
        type_, length = _ATTRIBUTE.unpack_from(data, offset)
        end = offset + 4 + length
        if end > len(data):
            raise ValueError("STUN attribute is cut off")
        if type_ == _MESSAGE_INTEGRITY:
            if length != 20:
                raise ValueError("MESSAGE-INTEGRITY has a wrong length")
            return found, offset  # RFC 8489 §14.5: attributes behind it (but FINGERPRINT) are ignored
        found[type_] = data[offset + 4 : end]
        offset = (end + 3) & ~3
    return found, 0


def is_authentic(data: bytes, message: BindingRequest | BindingSuccess, password: bytes) -> bool:
    """MESSAGE-INTEGRITY (RFC 8489 §14.5) and, where present, FINGERPRINT (§14.7)."""
    at = message.integrity_offset
    covered = data[:2] + (at - HEADER_SIZE + 24).to_bytes(2, "big") + data[4:at]
    if not hmac.compare_digest(hmac.digest(password, covered, "sha1"), data[at + 4 : at + 24]):
        return False
    tail = at + 24
    if len(data) - tail == 8 and _ATTRIBUTE.unpack_from(data, tail) == (_FINGERPRINT, 4):
        return data[tail + 4 :] == (zlib.crc32(data[:tail]) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
    return True


def binding_request(transaction_id: bytes, username: str, password: bytes) -> bytes:
    """A check of our own, in the controlled role. ``username``: the client's ufrag, a colon, ours."""
    name = username.encode()
    attributes = _ATTRIBUTE.pack(_USERNAME, len(name)) + name + bytes(-len(name) % 4)
    attributes += _ATTRIBUTE.pack(_PRIORITY, 4) + PEER_REFLEXIVE_PRIORITY.to_bytes(4, "big")
    attributes += _ATTRIBUTE.pack(_ICE_CONTROLLED, 8) + transaction_id[:8]  # no tie is ever to be broken
    return _seal(_BINDING_REQUEST, transaction_id, attributes, password)


def binding_response(transaction_id: bytes, address: tuple[str, int], password: bytes) -> bytes:
    """Success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT."""
    is_v6 = ":" in address[0]
    packed = socket.inet_pton(socket.AF_INET6 if is_v6 else socket.AF_INET, address[0])
    ip = bytes(a ^ b for a, b in zip(packed, MAGIC + transaction_id, strict=False))
    mapped = bytes((0, 0x20, 0, 4 + len(ip), 0, 2 if is_v6 else 1)) + (address[1] ^ 0x2112).to_bytes(2, "big") + ip
    return _seal(_BINDING_SUCCESS, transaction_id, mapped, password)


def role_conflict(transaction_id: bytes, password: bytes) -> bytes:
    """Error 487: the client claims the role that an ICE-lite agent always has (RFC 8445 §7.3.1.1)."""
    reason = b"Role Conflict"
    body = b"\0\0\x04\x57" + reason  # class 4, number 87 (RFC 8489 §14.8)
    error = _ATTRIBUTE.pack(0x0009, len(body)) + body + bytes(-len(body) % 4)
    return _seal(b"\x01\x11", transaction_id, error, password)


def _seal(kind: bytes, transaction_id: bytes, attributes: bytes, password: bytes) -> bytes:
    """Adds MESSAGE-INTEGRITY and FINGERPRINT; each covers a length that already counts it."""
    size = len(attributes)
    head = kind + (size + 24).to_bytes(2, "big") + MAGIC + transaction_id + attributes
    signed = head + b"\x00\x08\x00\x14" + hmac.digest(password, head, "sha1")
    signed = signed[:2] + (size + 32).to_bytes(2, "big") + signed[4:]
    return signed + b"\x80\x28\x00\x04" + (zlib.crc32(signed) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
