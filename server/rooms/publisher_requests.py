"""Passes a worker's wishes on to the one client that sends the publication: another codec, other layers. Keeps nothing.

Who is away just now hears the worker's next wish, a few seconds later.
"""

from __future__ import annotations

from typing import Literal

from media.control import PublicationCodecWanted, PublicationLayersWanted
from server.protocol.base import VolatileEvent
from server.protocol.events import CodecRequested, LayersRequested
from server.rooms.ports import Audience
from server.rooms.publications import publication_id_of
from server.rooms.room import Room

Picture = Literal["camera", "screen"]
_PICTURES: tuple[Picture, ...] = ("camera", "screen")


def request_codec(audience: Audience, room: Room, wish: PublicationCodecWanted) -> None:
    if source := _picture(wish.publication_id):
        _tell(audience, room, wish.publication_id, CodecRequested(source=source, codec=wish.codec))


def request_layers(audience: Audience, room: Room, wish: PublicationLayersWanted) -> None:
    if source := _picture(wish.publication_id):
        _tell(audience, room, wish.publication_id, LayersRequested(source=source, rids=wish.rids))


def _picture(publication_id: str) -> Picture | None:
    return next((source for source in _PICTURES if publication_id.endswith(f":{source}")), None)


def _tell(audience: Audience, room: Room, publication_id: str, wish: VolatileEvent) -> None:
    for seat in room.participants.values():
        is_theirs = any(publication_id_of(seat.participant_id, source) == publication_id for source in _PICTURES)
        if is_theirs and seat.connection is not None:
            audience.tell(room.meeting_id, seat.connection, wish)
