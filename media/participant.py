"""A seat in a room: who may publish what, what is shown, which connection carries it. Survives a change of connection.

A second connection (new DTLS fingerprint) waits beside the first until it carries media; then publications and slots
move over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from media.connection import Connection
from media.control import Grants, Kind, ParticipantMedia, QualityLevel, SlotInfo, Source, TransportState, WantedPicture
from media.downlink import Standing
from media.publication import Publication
from media.sdp.offer import Offer
from media.slot import Slot
from media.view import assign

if TYPE_CHECKING:
    from media.environment import Environment
    from media.room import Room

UNSTABLE_S, AWAY_S, FREE_S = 4.9, 15.0, 30.0  # others shall hear of silence within 6 s; browsers check every 2.5 s
SWAP_WITHOUT_MEDIA_S = 0.5  # who publishes nothing sends no media at all


class Participant:
    """Owned by its room."""

    def __init__(self, participant_id: str, room: Room, environment: Environment, grants: Grants) -> None:
        self.id = participant_id
        self.state = TransportState.NEW
        self.publications: dict[Source, Publication] = {}
        self.current: Connection | None = None
        self._next: Connection | None = None
        self._room = room
        self._environment = environment
        self._grants = grants
        self._view: tuple[WantedPicture, ...] = ()
        self._cap: QualityLevel | None = None
        self._standing = Standing(QualityLevel.FULL, False, 0)
        self._gone_at: float | None = None
        self._swap_timer: asyncio.TimerHandle | None = None

    # --- calls

    def offer(self, offer: Offer) -> tuple[str, Connection]:
        """Answers an offer: a repeated one of a living connection, the seat's first, or a replacement."""
        for connection in (self.current, self._next):
            if connection is not None and not connection.is_gone and connection.transport.identity == offer.identity:
                connection.reoffer(offer)
                return self._answer(connection, offer), connection
        connection = Connection(offer, self._environment, self, self._room, self._room.send_history)
        connection.downlink.choose(self._cap)
        try:
            text = self._answer(connection, offer)
        except BaseException:
            connection.close()
            raise
        if self.current is None or not self.current.transport.is_connected:
            self._replace_current(connection)
        else:
            self._cancel_next()
            self._next = connection
        return text, connection

    def set_grants(self, grants: Grants) -> None:
        self._grants = grants
        for source, publication in self.publications.items():
            publication.is_granted = _is_granted(grants, source)
            if not publication.is_granted:
                self._room.handle_silent(publication)

    def set_view(self, pictures: Iterable[WantedPicture]) -> tuple[SlotInfo, ...]:
        own = f"{self.id}:"
        self._view = tuple(item for item in pictures if not item.publication_id.startswith(own))
        for connection in (self.current, self._next):
            if connection is not None:
                self._apply_view(connection)
        return self.slot_infos(self.current)

    def set_quality(self, level: QualityLevel | None) -> None:
        """By hand: no more than this."""
        self._cap = level
        for connection in (self.current, self._next):
            if connection is not None:
                connection.downlink.choose(level)
        self.tick_budget(self._environment.clock.monotonic(), is_due=True)

    def hear(self, publication_ids: Sequence[str]) -> None:
        """Points the audio slots at these voices, as far as they go; nobody hears himself."""
        own = f"{self.id}:"
        others = [id_ for id_ in publication_ids if not id_.startswith(own)]
        for connection in (self.current, self._next):
            if connection is not None:
                self._assign(connection, "audio", others)

    @property
    def slots(self) -> list[Slot]:
        """Those of both connections while one replaces the other."""
        return [
            slot for connection in (self.current, self._next) if connection is not None for slot in connection.slots
        ]

    def slot_infos(self, connection: Connection | None) -> tuple[SlotInfo, ...]:
        return tuple(slot.info for slot in connection.slots if slot.is_open) if connection is not None else ()

    def media(self) -> ParticipantMedia:
        flowing = tuple(source for source, publication in self.publications.items() if publication.is_flowing)
        return ParticipantMedia(participant_id=self.id, state=self.state, sources=flowing)

    def close(self) -> None:
        """Frees the seat; the room removes it from its tables."""
        self._cancel_next()
        if self.current is not None:
            self.current.close()
        self._set_state(TransportState.CLOSED)

    # --- from the connections

    def is_current(self, connection: Connection) -> bool:
        """Also the moment at which a replacement takes over: it carries media."""
        if connection is self._next and self._swap_timer is not None:
            self._swap_timer.cancel()
            self._swap_timer = asyncio.get_running_loop().call_later(0, self._swap)
        return connection is self.current

    def handle_connected(self, connection: Connection) -> None:
        if connection is self._next:
            old_is_well = self.state is TransportState.CONNECTED
            delay = SWAP_WITHOUT_MEDIA_S if old_is_well else 0
            self._swap_timer = asyncio.get_running_loop().call_later(delay, self._swap)
        elif connection is self.current:
            self._begin(connection)

    def handle_gone(self, connection: Connection) -> None:
        if connection is self._next:
            self._cancel_next()
        elif connection is self.current:
            connection.detach_slots()
            self._gone_at = self._environment.clock.monotonic()
            self._set_state(TransportState.AWAY)

    # --- time

    def tick(self, now: float) -> bool:
        """Liveness; False when the seat is to be freed."""
        connection = self.current
        if connection is None:
            return False
        if self._next is not None:
            if now - self._next.transport.last_heard_at < AWAY_S:
                return True
            self._cancel_next()
        if self._gone_at is not None:
            return now - self._gone_at < FREE_S - AWAY_S
        silence = now - connection.transport.last_heard_at
        if silence >= FREE_S:
            return False
        if silence >= AWAY_S:
            self._set_state(TransportState.AWAY)
        elif connection.transport.is_connected:
            self._set_state(TransportState.UNSTABLE if silence >= UNSTABLE_S else TransportState.CONNECTED)
        return True

    def tick_paths(self, now: float) -> None:
        """Asks again where he said he would be, and has not answered."""
        for connection in (self.current, self._next):
            if connection is not None:
                connection.transport.ice.tick(now)

    def tick_budget(self, now: float, is_due: bool = False) -> None:
        """Lets the slots follow what the path carries when it is time, and tells what has changed for the viewer."""
        connection = self.current
        if connection is None or (now < connection.downlink.due_at and not is_due):
            return
        changed = connection.downlink.tick(now)
        if changed is None:
            return
        if changed:
            self._room.events.tell_slots(self.id, tuple(slot.info for slot in changed))
        self._tell_standing()

    def tell_standing(self) -> None:
        """For a server that does not know it yet."""
        if self._standing.level is not QualityLevel.FULL:
            self._room.events.tell_standing(self.id, self._standing)

    # --- private

    def _tell_standing(self) -> None:
        standing = self.current.downlink.standing if self.current is not None else self._standing
        if standing[:2] != self._standing[:2]:
            self._standing = standing
            self._room.events.tell_standing(self.id, standing)

    def _answer(self, connection: Connection, offer: Offer) -> str:
        text = connection.answer(offer, self._publication)
        self._apply_view(connection)
        return text

    def _publication(self, source: Source) -> Publication:
        found = self.publications.get(source)
        if found is None:
            found = self.publications[source] = Publication(self.id, source, self._environment.forwarder)
            found.is_granted = _is_granted(self._grants, source)
            self._room.handle_publication(found)
        return found

    def _apply_view(self, connection: Connection) -> None:
        self._assign(connection, "video", [item.publication_id for item in self._view])
        now = self._environment.clock.monotonic()
        heights = {item.publication_id: item.height_px for item in self._view}
        ranks = {item.publication_id: rank for rank, item in enumerate(self._view)}
        for slot in connection.slots_of("video"):
            height_px = heights.get(slot.wanted_id or "", 0)
            slot.rank = ranks.get(slot.wanted_id or "", len(ranks))
            if slot.height_px != height_px:
                slot.height_px = height_px
                slot.reconsider(now)
        connection.downlink.tick(now)

    def _assign(self, connection: Connection, kind: Kind, publication_ids: Sequence[str]) -> None:
        if connection.is_gone:
            return
        slots = list(connection.slots_of(kind))
        for slot, id_ in zip(slots, assign([slot.wanted_id for slot in slots], publication_ids), strict=True):
            self._point(slot, id_)

    def _point(self, slot: Slot, publication_id: str | None) -> None:
        if slot.wanted_id == publication_id and (slot.publication is not None or publication_id is None):
            return
        if slot.publication is not None:
            slot.publication.detach(slot)
        slot.wanted_id = publication_id
        self._room.attach(slot)

    def _begin(self, connection: Connection) -> None:
        self._gone_at = None
        self._set_state(TransportState.CONNECTED)
        self._room.let_hear(self)
        now = self._environment.clock.monotonic()
        for slot in connection.slots:
            slot.request_keyframe(now)

    def _swap(self) -> None:
        connection, self._next = self._next, None
        self._swap_timer = None
        if connection is not None:
            self._replace_current(connection)
            self._begin(connection)

    def _replace_current(self, connection: Connection) -> None:
        old, self.current = self.current, connection
        self._gone_at = None
        self._cancel_next()
        if old is not None:
            old.close()

    def _cancel_next(self) -> None:
        if self._swap_timer is not None:
            self._swap_timer.cancel()
            self._swap_timer = None
        if self._next is not None:
            self._next.close()
            self._next = None

    def _set_state(self, state: TransportState) -> None:
        if state is not self.state:
            self.state = state
            self._room.handle_state(self)


def _is_granted(grants: Grants, source: Source) -> bool:
    if source == "microphone":
        return grants.audio
    return grants.video if source == "camera" else grants.screen
