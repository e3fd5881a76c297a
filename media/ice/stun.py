"""STUN binding requests for an ICE-lite agent (RFC 8489, RFC 8445). Whose password applies is the caller's affair."""

from __future__ import annotations

import hmac
import socket
import struct
import zlib
from typing import NamedTuple

MAGIC = b"\x21\x12\xa4\x42"
_BINDING_REQUEST = b"\x00\x01"
_USERNAME, _MESSAGE_INTEGRITY, _USE_CANDIDATE, _FINGERPRINT = 0x0006, 0x0008, 0x0025, 0x8028
_ICE_CONTROLLED = 0x8029
_ATTRIBUTE = struct.Struct("!HH")
_FINGERPRINT_XOR = 0x5354554E
HEADER_SIZE = 20
MAX_SIZE = 548  # RFC 8489 §6.1: requests without known path MTU stay below this
MAX_ATTRIBUTES = 32


class BindingRequest(NamedTuple):
    """A request that is well formed but not yet authenticated."""

    local_ufrag: str
    transaction_id: bytes
    use_candidate: bool
    claims_controlled: bool
    integrity_offset: int


def is_stun(data: bytes) -> bool:
    """First byte 0-3 (RFC 7983) and the magic cookie."""
    return len(data) >= HEADER_SIZE and data[0] < 4 and data[4:8] == MAGIC


def parse_request(data: bytes) -> BindingRequest:
    """Raises ValueError unless this is a binding request with USERNAME and MESSAGE-INTEGRITY."""
    if not is_stun(data) or len(data) > MAX_SIZE or data[:2] != _BINDING_REQUEST:
        raise ValueError("not a binding request")
    if int.from_bytes(data[2:4], "big") != len(data) - HEADER_SIZE or len(data) % 4:
        raise ValueError("STUN length does not fit")
    username = b""
    use_candidate = is_controlled = False
    integrity = 0
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
            integrity = offset
            break  # RFC 8489 §14.5: attributes behind it (but FINGERPRINT) are ignored
        if type_ == _USERNAME:
            username = data[offset + 4 : end]
        elif type_ == _USE_CANDIDATE:
            use_candidate = True
        elif type_ == _ICE_CONTROLLED:
            is_controlled = True
        offset = (end + 3) & ~3
    if not integrity or not username:
        raise ValueError("binding request lacks USERNAME or MESSAGE-INTEGRITY")
    ufrag = username.split(b":", 1)[0].decode("ascii", "replace")
    return BindingRequest(ufrag, data[8:20], use_candidate, is_controlled, integrity)


def is_authentic(data: bytes, request: BindingRequest, password: bytes) -> bool:
    """MESSAGE-INTEGRITY (RFC 8489 §14.5) and, where present, FINGERPRINT (§14.7)."""
    at = request.integrity_offset
    covered = data[:2] + (at - HEADER_SIZE + 24).to_bytes(2, "big") + data[4:at]
    if not hmac.compare_digest(hmac.digest(password, covered, "sha1"), data[at + 4 : at + 24]):
        return False
    tail = at + 24
    if len(data) - tail == 8 and _ATTRIBUTE.unpack_from(data, tail) == (_FINGERPRINT, 4):
        return data[tail + 4 :] == (zlib.crc32(data[:tail]) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
    return True


def binding_response(transaction_id: bytes, address: tuple[str, int], password: bytes) -> bytes:
    """Success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT."""
    is_v6 = ":" in address[0]
    packed = socket.inet_pton(socket.AF_INET6 if is_v6 else socket.AF_INET, address[0])
    ip = bytes(a ^ b for a, b in zip(packed, MAGIC + transaction_id, strict=False))
    mapped = bytes((0, 0x20, 0, 4 + len(ip), 0, 2 if is_v6 else 1)) + (address[1] ^ 0x2112).to_bytes(2, "big") + ip
    return _seal(b"\x01\x01", transaction_id, mapped, password)


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
