"""One at a time for each name: of a meeting, a room, a member."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class NamedLocks:
    """Nothing is left of a lock that nobody holds or waits for."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._locks)

    def of(self, name: str) -> asyncio.Lock:
        """To be used at once: ``async with locks.of(meeting_id):``."""
        return self._locks.setdefault(name, asyncio.Lock())
