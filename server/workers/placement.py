"""Which media workers carry a room, and on which of them each participant sits. Pure: names in, names out.

A room begins on one worker, its primary: that one is recorded and says who speaks. When so many sit there that one
core would not do, further participants go to other workers; a source packet then crosses once to each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple


class Loss(NamedTuple):
    """What a room lost with a worker. ``primary``: who is primary now; None when no worker carries it any more."""

    room_id: str
    participant_ids: tuple[str, ...]
    was_primary: bool
    primary: str | None


@dataclass(slots=True)
class _Place:
    workers: list[str] = field(default_factory=list)  # the primary first
    has_primary: bool = False  # else the primary is still to say that it is here
    seats: dict[str, str] = field(default_factory=dict)  # participant → worker


class Placement:
    """``spread_at``: participants of one room on one worker before another worker is taken in."""

    def __init__(self, spread_at: int) -> None:
        self._spread_at = spread_at
        self._rooms: dict[str, _Place] = {}

    def primary(self, room_id: str) -> str | None:
        """None also while only further workers of the room are here."""
        place = self._rooms.get(room_id)
        return place.workers[0] if place is not None and place.has_primary else None

    def workers(self, room_id: str) -> tuple[str, ...]:
        """The primary first."""
        place = self._rooms.get(room_id)
        return tuple(place.workers) if place is not None else ()

    def rooms_of(self, worker_id: str) -> tuple[str, ...]:
        return tuple(room_id for room_id, place in self._rooms.items() if worker_id in place.workers)

    def seat(self, room_id: str, participant_id: str) -> str | None:
        """The worker on which this participant sits."""
        place = self._rooms.get(room_id)
        return place.seats.get(participant_id) if place is not None else None

    def open(self, room_id: str, worker_id: str, *, is_primary: bool | None = None) -> None:
        """The worker carries the room from now on. ``is_primary``: what it says of itself; None: the first one is."""
        place = self._rooms.setdefault(room_id, _Place())
        if worker_id not in place.workers:
            place.workers.append(worker_id)
        if is_primary or (is_primary is None and len(place.workers) == 1):
            self.promote(room_id, worker_id)

    def promote(self, room_id: str, worker_id: str) -> None:
        """One of its workers is the primary from now on."""
        place = self._rooms[room_id]
        place.workers.remove(worker_id)
        place.workers.insert(0, worker_id)
        place.has_primary = True

    def sit(self, room_id: str, participant_id: str, worker_id: str) -> None:
        """A room that was closed meanwhile stays closed."""
        if (place := self._rooms.get(room_id)) is not None:
            place.seats[participant_id] = worker_id

    def leave(self, room_id: str, participant_id: str) -> None:
        place = self._rooms.get(room_id)
        if place is not None:
            place.seats.pop(participant_id, None)

    def forget(self, room_id: str) -> None:
        self._rooms.pop(room_id, None)

    def worker_for_room(self, living: Collection[str]) -> str | None:
        """Where a new room goes: fewest seats, then fewest rooms, then by name. None when no worker lives."""
        seats = self._load()
        rooms = Counter(worker for place in self._rooms.values() for worker in place.workers)
        return min(living, key=lambda worker: (seats[worker], rooms[worker], worker), default=None)

    def worker_for_seat(self, room_id: str, participant_id: str, living: Collection[str]) -> str | None:
        """Where a participant goes who makes an offer: where he is, else where the room has space, else anywhere."""
        place = self._rooms.get(room_id)
        if place is None or not living:
            return None
        known = place.seats.get(participant_id)
        if known in living and known in place.workers:
            return known
        here = Counter(place.seats.values())
        for worker in place.workers:
            if worker in living and here[worker] < self._spread_at:
                return worker
        load = self._load()
        return min(living, key=lambda worker: (here[worker] >= self._spread_at, load[worker], worker))

    def lose(self, worker_id: str) -> list[Loss]:
        """The worker is gone. Its rooms stay with the others that carry them."""
        return [self.close(room_id, worker_id) for room_id in self.rooms_of(worker_id)]

    def close(self, room_id: str, worker_id: str) -> Loss:
        """The worker carries this room no more."""
        place = self._rooms[room_id]
        was_primary = self.primary(room_id) == worker_id
        place.workers.remove(worker_id)
        lost = tuple(participant for participant, worker in place.seats.items() if worker == worker_id)
        for participant in lost:
            del place.seats[participant]
        if not place.workers:
            del self._rooms[room_id]
        return Loss(room_id, lost, was_primary, place.workers[0] if place.workers else None)

    def _load(self) -> Counter[str]:
        return Counter(worker for place in self._rooms.values() for worker in place.seats.values())
