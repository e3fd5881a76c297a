"""When a meeting's room may be entered. Pure."""

from __future__ import annotations

from server.protocol.models import MeetingState
from server.storage.models import Meeting

OPENS_BEFORE_MS = 30 * 60_000
SHUTS_AFTER_MS = 12 * 3_600_000  # a meeting that nobody began by then is not begun any more


def door_is_open(meeting: Meeting, *, is_host: bool, now_ms: int) -> bool:
    """Half an hour before; the host prepares the room whenever it suits."""
    if meeting.state in (MeetingState.LIVE, MeetingState.INTERRUPTED):
        return True
    if meeting.state != MeetingState.SCHEDULED or now_ms > meeting.end_ms + SHUTS_AFTER_MS:
        return False
    return is_host or now_ms >= meeting.start_ms - OPENS_BEFORE_MS
