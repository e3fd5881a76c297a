"""Tells publishers which of their layers are looked at, by viewers or by a recorder (``media/layer_demand.py``)."""

from __future__ import annotations

from media.publication import Publication
from media.room_events import RoomEvents
from media.tap_ring import TapRing


class Interest:
    """The videos of one room that have been sent and not withdrawn."""

    def __init__(self, ring: TapRing, events: RoomEvents) -> None:
        self._ring = ring
        self._events = events
        self._publications: dict[str, Publication] = {}
        self._watched: frozenset[str] | None = frozenset()

    def add(self, publication: Publication) -> None:
        if publication.kind == "video":
            self._publications[publication.id] = publication

    def remove(self, publication: Publication) -> None:
        """Not another worker's that has taken its place."""
        if self._publications.get(publication.id) is publication:
            del self._publications[publication.id]

    def end(self, publication: Publication, now: float) -> None:
        """Withdrawn. Were its layers left at rest, nothing of what is published next would ever come."""
        if self._publications.pop(publication.id, None) is None:
            return
        if not publication.demand.is_complete:
            self._tell(publication, tuple(layer.rid for layer in publication.layers))
        publication.begin_demand(now)

    def tick(self, now: float, is_second: bool) -> None:
        """Every 50 ms where something is new, every second for all."""
        watched = self._ring.watched(now)
        is_due = is_second or watched != self._watched
        self._watched = watched
        for publication in self._publications.values():
            if is_due or publication.has_new_interest:
                is_recorded = watched is None or publication.id in watched or self._is_unknown(publication)
                rids = publication.wanted_layers(now, is_recorded)
                if rids is not None:
                    self._tell(publication, rids)

    def _is_unknown(self, publication: Publication) -> bool:
        """A recorder can only ask for what it has seen begin."""
        return publication.link is not None and publication.followed is None and self._ring.has_listeners

    def _tell(self, publication: Publication, rids: tuple[str, ...]) -> None:
        if publication.link is not None:
            publication.link.ask_layers(publication.id, rids)
            return
        self._events.ask_layers(publication, rids)
