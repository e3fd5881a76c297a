"""Which agenda item is discussed, and when each was. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from server.protocol.models import AgendaInfo, AgendaItemInfo
from server.rooms.definition import AgendaItem


class Agenda:
    """An item that is taken up again goes on: its start stays, its end is open again."""

    def __init__(self, items: Iterable[AgendaItem]) -> None:
        self._items = {item.item_id: item for item in items}
        self._started: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self.current: str | None = None

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def move(self, item_id: str | None, at_ms: int) -> None:
        if self.current is not None:
            self._ended[self.current] = at_ms
        self.current = item_id
        if item_id is not None:
            self._started.setdefault(item_id, at_ms)
            self._ended.pop(item_id, None)

    def info(self) -> AgendaInfo:
        items = tuple(
            AgendaItemInfo(
                item_id=item.item_id,
                title=item.title,
                planned_minutes=item.planned_minutes,
                started_ms=self._started.get(item.item_id),
                ended_ms=self._ended.get(item.item_id),
            )
            for item in self._items.values()
        )
        return AgendaInfo(items=items, current_item_id=self.current)
