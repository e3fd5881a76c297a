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


class _DatabaseError(AppError):
    """``detail`` is the driver's text with its SQL: for our own log only, never for who asked."""

    def __init__(self, code: ErrorCode, message: str, detail: str, *, retryable: bool) -> None:
        super().__init__(code, message, retryable=retryable)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail or self.message


class DatabaseAwayError(_DatabaseError):
    """The database does not answer. Retry."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(ErrorCode.DATABASE_AWAY, "the database does not answer", detail, retryable=True)


class UnstorableError(_DatabaseError):
    """The database cannot hold a value, such as a NUL character."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(ErrorCode.BAD_REQUEST, "a value cannot be stored", detail, retryable=False)
