"""The single place where an exception becomes what its hearer gets: an ErrorInfo and, for HTTP, a status."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from recordings.errors import StoreAwayError, StoreError, StoreFullError
from server.errors import AppError
from server.ids import new_id
from server.protocol.base import ErrorInfo
from server.protocol.codes import ErrorCode
from server.telemetry.counters import count

log = logging.getLogger(__name__)

STATUS: dict[ErrorCode, int] = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.MESSAGE_TOO_LARGE: 413,
    ErrorCode.UNKNOWN_COMMAND: 400,
    ErrorCode.PROTOCOL_VERSION: 400,
    ErrorCode.NOT_SIGNED_IN: 401,
    ErrorCode.BAD_CREDENTIALS: 401,
    ErrorCode.LOGIN_THROTTLED: 429,
    ErrorCode.CSRF: 403,
    ErrorCode.STEP_UP_REQUIRED: 403,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.VALIDATION: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.TICKET_INVALID: 401,
    ErrorCode.TICKET_EXPIRED: 401,
    ErrorCode.TICKET_USED: 401,
    ErrorCode.RESUME_EXPIRED: 401,
    ErrorCode.ROOM_CLOSED: 409,
    ErrorCode.ROOM_FULL: 409,
    ErrorCode.REMOVED: 403,
    ErrorCode.REPLACED: 409,
    ErrorCode.COMPANION: 403,
    ErrorCode.NOT_JOINED: 409,
    ErrorCode.MEETING_NOT_OPEN: 409,
    ErrorCode.MEETING_STATE: 409,
    ErrorCode.BAD_SDP: 400,
    ErrorCode.NO_USABLE_MEDIA: 400,
    ErrorCode.MEDIA_UNAVAILABLE: 503,
    ErrorCode.RECORDER_UNAVAILABLE: 503,
    ErrorCode.STORE_AWAY: 503,
    ErrorCode.STORE_FULL: 507,
    ErrorCode.DATABASE_AWAY: 503,
    ErrorCode.LOG_UNAVAILABLE: 503,
    ErrorCode.RECORDING_NOT_READY: 409,
    ErrorCode.WATCH_SESSION_OVER: 410,
    ErrorCode.ALREADY_SIGNED: 409,
    ErrorCode.INTERNAL_ERROR: 500,
}


def error_info(error: BaseException, error_id: str | None = None) -> ErrorInfo:
    """Counts it. An exception that nobody foresaw is logged under an id, and its hearer gets only that id."""
    info = _known(error)
    if info is None:
        error_id = error_id or new_id()
        log.error("unforeseen error %s", error_id, exc_info=error)
        info = ErrorInfo(code=ErrorCode.INTERNAL_ERROR, message="internal error", retryable=True, error_id=error_id)
    count(f"error_{info.code.value}")
    return info


def _known(error: BaseException) -> ErrorInfo | None:
    match error:
        case AppError():
            return ErrorInfo(
                code=error.code, message=error.message[:500], retryable=error.retryable, fields=error.fields
            )
        case ValidationError():
            return ErrorInfo(
                code=ErrorCode.VALIDATION, message="some fields are not as they must be", fields=wrong_fields(error)
            )
        case StoreFullError():
            return ErrorInfo(code=ErrorCode.STORE_FULL, message="the object store is full", retryable=True)
        case StoreAwayError():
            return ErrorInfo(code=ErrorCode.STORE_AWAY, message="the object store does not answer", retryable=True)
        case StoreError():
            return ErrorInfo(code=ErrorCode.STORE_AWAY, message="the object store refused", retryable=True)
        case _:
            return None


def wrong_fields(error: ValidationError) -> dict[str, str]:
    """Field → what is wrong with it. Never the value: it may be a password."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return {".".join(str(part) for part in d["loc"]) or "body": str(d["msg"])[:200] for d in details[:20]}
