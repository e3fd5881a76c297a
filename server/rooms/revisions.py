"""The numbered events of a room, the last of them kept for clients that come back. Pure."""

from __future__ import annotations

from collections import deque

from server.protocol.base import RoomEvent

KEPT = 1000


class Revisions:
    """``first``: revisions start above the wall clock in ms, so those of an earlier process are always lower."""

    def __init__(self, first: int, kept: int = KEPT) -> None:
        self.current = first
        self._events: deque[RoomEvent] = deque(maxlen=kept)

    def add(self, event: RoomEvent) -> None:
        """Raises ValueError unless it is the next one."""
        if event.revision != self.current + 1:
            raise ValueError(f"revision {event.revision} after {self.current}")
        self.current = event.revision
        self._events.append(event)

    def after(self, revision: int) -> tuple[RoomEvent, ...] | None:
        """What a client at ``revision`` missed; None: not known any more, it needs a snapshot."""
        oldest = self.current - len(self._events)
        if not oldest <= revision <= self.current:
            return None
        skipped = revision - oldest
        return tuple(self._events)[skipped:]
