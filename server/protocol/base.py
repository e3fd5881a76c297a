"""The base of all messages, and the two shapes of an acknowledgement."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from server.protocol.codes import ErrorCode

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 65536


class Message(BaseModel):
    """Unknown fields are refused; times are integer ms UTC; ids are opaque strings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Command(Message):
    """Client → server. ``NAME`` is the Socket.IO event, ``ANSWER`` the type of ``data`` in the acknowledgement.

    ``request_id`` makes a command idempotent: a second one of the same seat gets the first one's acknowledgement.
    """

    NAME: ClassVar[str]
    ANSWER: ClassVar[type[Message] | None] = None
    request_id: str = Field(min_length=1, max_length=64)


class RoomEvent(Message):
    """Server → clients of a room, in order. ``revision`` grows by one per event; a gap means: join again."""

    NAME: ClassVar[str]
    revision: int
    at_ms: int


class VolatileEvent(Message):
    """Server → client, not kept: lost ones are replaced by the next."""

    NAME: ClassVar[str]


class ErrorInfo(Message):
    """What went wrong. ``code`` is stable; ``message`` is English for developers; ``error_id`` finds the log line."""

    code: ErrorCode
    message: str
    retryable: bool = False
    error_id: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)


class Ack(Message):
    """Answer to a command: ``ok`` with ``data``, or not ``ok`` with ``error``."""

    ok: bool
    data: dict[str, Any] | None = None
    error: ErrorInfo | None = None


class ErrorBody(Message):
    """Body of every HTTP answer with status 400 or above."""

    error: ErrorInfo
