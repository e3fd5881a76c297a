"""Join tickets: who may enter which room, for a minute and once. A JWS (RFC 7515) whose algorithm is fixed here.

They travel in the Socket.IO ``auth`` payload, never in a URL. Rights are read again at the join; a ticket holds none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.auth.actor import Actor
from server.auth.rate import RateLimit
from server.clock import Clock
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.http import JoinTicket
from server.protocol.models import DeviceKind, RoomRole
from server.telemetry.counters import count

LIFETIME_MS = 60_000
MAX_TICKET_CHARS = 2048
# A page asks for one ticket per join; more than this is a program.
PER_MINUTE = 10


@dataclass(frozen=True, slots=True)
class TicketClaims:
    """What a good ticket says."""

    meeting_id: str
    member_id: str
    account_id: str
    name: str
    role: RoomRole
    device: str
    jti: str


class Tickets:
    """Issues and redeems. One instance per process; all servers of an installation share the key.

    Redeemed ids are kept in memory until they expire. So that a restart forgets none that matters, tickets from
    before this instance's start count as expired: their holder asks for a new one.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self._public = self._key.public_key()
        self._kid = hashlib.sha256(self._public.public_bytes_raw()).hexdigest()[:16]
        # The header is a constant, so nothing of it is ever interpreted: another algorithm is another text.
        self._header = _encode(json.dumps({"alg": "EdDSA", "kid": self._kid, "typ": "JWT"}).encode())
        self._clock = clock
        self._since_ms = clock.now_ms()
        self._used: dict[str, int] = {}
        self._limit = RateLimit(per_s=PER_MINUTE / 60, burst=PER_MINUTE)

    def issue(
        self,
        meeting_id: str,
        actor: Actor,
        role: RoomRole,
        device: str,
        now: int,
        seat_held_on: DeviceKind | None = None,
    ) -> JoinTicket:
        """Raises AppError RATE_LIMITED."""
        if not self._limit.allow(f"{actor.member_id}:{meeting_id}", now):
            raise AppError(ErrorCode.RATE_LIMITED, "too many tickets for this member", retryable=True)
        claims = {
            "mtg": meeting_id,
            "sub": actor.member_id,
            "acc": actor.account_id,
            "name": actor.name,
            "role": role.value,
            "dev": device,
            "jti": secrets.token_hex(16),
            "iat": now,
            "exp": now + LIFETIME_MS,
        }
        signed = f"{self._header}.{_encode(json.dumps(claims, ensure_ascii=False).encode())}"
        ticket = f"{signed}.{_encode(self._key.sign(signed.encode()))}"
        return JoinTicket(ticket=ticket, expires_ms=now + LIFETIME_MS, server_url="", seat_held_on=seat_held_on)

    def redeem(self, text: str) -> TicketClaims:
        """Raises AppError TICKET_INVALID, TICKET_EXPIRED or TICKET_USED. Good once."""
        claims = self._verified(text)
        now = self._clock.now_ms()
        if now >= claims["exp"] or claims["iat"] < self._since_ms:
            raise _refuse(ErrorCode.TICKET_EXPIRED, "the ticket is older than a minute or than this server")
        self._forget(now)
        if claims["jti"] in self._used:
            raise _refuse(ErrorCode.TICKET_USED, "the ticket was used before")
        self._used[claims["jti"]] = claims["exp"]
        return TicketClaims(
            meeting_id=claims["mtg"],
            member_id=claims["sub"],
            account_id=claims["acc"],
            name=claims["name"],
            role=RoomRole(claims["role"]),
            device=claims["dev"],
            jti=claims["jti"],
        )

    def _verified(self, text: str) -> dict[str, Any]:
        parts = text.split(".")
        if len(text) > MAX_TICKET_CHARS or len(parts) != 3 or parts[0] != self._header:
            raise _refuse(ErrorCode.TICKET_INVALID, "this is not a ticket of ours")
        try:
            self._public.verify(_decode(parts[2]), f"{parts[0]}.{parts[1]}".encode())
            claims: dict[str, Any] = json.loads(_decode(parts[1]))
        except (InvalidSignature, ValueError):
            raise _refuse(ErrorCode.TICKET_INVALID, "the ticket's signature is wrong") from None
        return claims

    def _forget(self, now: int) -> None:
        for jti in [jti for jti, expires_ms in self._used.items() if expires_ms <= now]:
            del self._used[jti]


def _refuse(code: ErrorCode, message: str) -> AppError:
    count("tickets_refused")
    return AppError(code, message)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Strict: one byte string has one spelling, so a ticket cannot be spelled twice."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if _encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
