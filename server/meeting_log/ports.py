"""What others may ask of the meeting log (log.py implements it)."""

from __future__ import annotations

from typing import Any, Protocol

from server.meeting_log.types import LoggedEvent


class MeetingLog(Protocol):
    """Appends are durable when they return: first in a local fsynced journal, then applied to the database in order."""

    async def append(
        self,
        meeting_id: str,
        type_: str,
        payload: dict[str, Any],
        *,
        actor: str | None = None,
        at_ms: int | None = None,
    ) -> LoggedEvent:
        """Raises AppError(LOG_UNAVAILABLE) when it cannot be put on disk; then nothing happened."""
        ...

    async def read(self, meeting_id: str) -> list[LoggedEvent]:
        """All events in order, those not yet applied to the database included."""
        ...

    async def flush(self, meeting_id: str) -> None:
        """Returns when everything of this meeting is in the database. Raises DatabaseAwayError."""
        ...

    async def settle(self) -> None:
        """Returns when everything that was logged before is in the database. Raises DatabaseAwayError."""
        ...
