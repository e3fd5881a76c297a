"""Stable error codes: the client maps each to what the user can do next. Texts may change, codes may not."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """A code is added here, in server/error_map.py and in web/src/room/errors.ts (the build fails without it)."""

    BAD_REQUEST = "bad_request"  # malformed; do not retry
    MESSAGE_TOO_LARGE = "message_too_large"
    UNKNOWN_COMMAND = "unknown_command"
    PROTOCOL_VERSION = "protocol_version"  # reload the page
    NOT_SIGNED_IN = "not_signed_in"  # log in again
    BAD_CREDENTIALS = "bad_credentials"
    LOGIN_THROTTLED = "login_throttled"  # fields.retry_after_s
    CSRF = "csrf"  # reload the page
    STEP_UP_REQUIRED = "step_up_required"  # give the password again
    FORBIDDEN = "forbidden"  # no right; ask the administrator
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"  # somebody else changed it; reload
    VALIDATION = "validation"  # fields names what to correct
    RATE_LIMITED = "rate_limited"
    TICKET_INVALID = "ticket_invalid"
    TICKET_EXPIRED = "ticket_expired"
    TICKET_USED = "ticket_used"
    RESUME_EXPIRED = "resume_expired"  # join again with a new ticket
    ROOM_CLOSED = "room_closed"
    ROOM_FULL = "room_full"
    REMOVED = "removed"  # the host removed you
    REPLACED = "replaced"  # joined on another device
    COMPANION = "companion"  # a second device only watches; join without `companion` to speak here
    NOT_JOINED = "not_joined"
    MEETING_NOT_OPEN = "meeting_not_open"
    MEETING_STATE = "meeting_state"  # not possible in the meeting's present state
    BAD_SDP = "bad_sdp"
    NO_USABLE_MEDIA = "no_usable_media"
    MEDIA_UNAVAILABLE = "media_unavailable"  # no media worker; retry
    RECORDER_UNAVAILABLE = "recorder_unavailable"
    STORE_AWAY = "store_away"
    STORE_FULL = "store_full"
    DATABASE_AWAY = "database_away"
    LOG_UNAVAILABLE = "log_unavailable"  # the event could not be written to disk; nothing happened
    RECORDING_NOT_READY = "recording_not_ready"
    WATCH_SESSION_OVER = "watch_session_over"
    ALREADY_SIGNED = "already_signed"
    INTERNAL_ERROR = "internal_error"
