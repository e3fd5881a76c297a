"""The server's errors. Each carries the stable code that its hearer gets; error_map.py does the translation."""

from __future__ import annotations

from server.protocol.codes import ErrorCode


class AppError(Exception):
    """Base. ``message`` is for developers; the user's text hangs on ``code`` in the client."""

    def __init__(
        self, code: ErrorCode, message: str = "", *, retryable: bool = False, fields: dict[str, str] | None = None
    ) -> None:
        super().__init__(message or code.value)
        self.code = code
        self.message = message or code.value
        self.retryable = retryable
        self.fields = fields or {}


class ForbiddenError(AppError):
    """The actor lacks the right."""

    def __init__(self, message: str = "") -> None:
        super().__init__(ErrorCode.FORBIDDEN, message)


class NotFoundError(AppError):
    """There is no such object, or none that the actor may know of."""

    def __init__(self, message: str = "") -> None:
        super().__init__(ErrorCode.NOT_FOUND, message)


class DatabaseAwayError(AppError):
    """The database does not answer. Retry."""

    def __init__(self, message: str = "") -> None:
        super().__init__(ErrorCode.DATABASE_AWAY, message, retryable=True)
