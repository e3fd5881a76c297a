"""Passes a worker's wish for another codec on to the one client that sends the publication. Keeps nothing."""

from __future__ import annotations

from typing import Literal

from media.control import PublicationCodecWanted
from server.protocol.events import CodecRequested
from server.rooms.ports import Audience
from server.rooms.publications import publication_id_of
from server.rooms.room import Room

_PICTURES: tuple[Literal["camera", "screen"], ...] = ("camera", "screen")


def tell_publisher(audience: Audience, room: Room, wish: PublicationCodecWanted) -> None:
    """Who is away just now hears the worker's next wish, a few seconds later."""
    for seat in room.participants.values():
        for source in _PICTURES:
            if publication_id_of(seat.participant_id, source) == wish.publication_id and seat.connection is not None:
                audience.tell(room.meeting_id, seat.connection, CodecRequested(source=source, codec=wish.codec))
