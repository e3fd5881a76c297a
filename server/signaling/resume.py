"""Resume tokens: a seat's holder may come back without a new ticket. HMAC-signed, so they survive a restart.

A token names meeting, member, device and the seat's epoch. Whether the seat may still be resumed is the room's matter
(server.rooms.seats): the epoch is over when another device took it, and the seat when nobody held it for ten minutes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import astuple, dataclass

from server.errors import AppError
from server.protocol.codes import ErrorCode


@dataclass(frozen=True, slots=True)
class ResumeClaims:
    meeting_id: str
    member_id: str
    device: str
    epoch: int


class ResumeTokens:
    """All servers of an installation share the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, claims: ResumeClaims) -> str:
        body = json.dumps(astuple(claims), separators=(",", ":")).encode()
        return f"{_encode(body)}.{_encode(self._sign(body))}"

    def read(self, token: str) -> ResumeClaims:
        """Raises AppError(RESUME_EXPIRED) for whatever is not one of ours."""
        try:
            body_text, signature_text = token.split(".")
            body, signature = _decode(body_text), _decode(signature_text)
        except (ValueError, binascii.Error):
            raise _refused() from None
        if not hmac.compare_digest(signature, self._sign(body)):
            raise _refused()
        return ResumeClaims(*json.loads(body))

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._key, b"resume " + body, hashlib.sha256).digest()


def _refused() -> AppError:
    return AppError(ErrorCode.RESUME_EXPIRED, "this is not a resume token of ours")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
