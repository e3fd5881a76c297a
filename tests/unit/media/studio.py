"""The whole plane in this process with one room, and verbs for what clients and the server do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from media import control
from media.control import ControlModel, TransportState
from media.plane import MediaPlane
from media.room import Room
from media.sdp.offer import parse_offer
from tests.unit.media.conftest import FrozenClock, rtp
from tests.unit.media.raw_client import RawClient

ALL = control.Grants(audio=True, video=True, screen=True)
MICROPHONE, CAMERA = 0, 1


class Studio:
    """A plane with one room, and verbs for what clients and the server do."""

    def __init__(self, plane: MediaPlane, clock: FrozenClock, events: list[ControlModel]) -> None:
        self.plane = plane
        self.clock = clock
        self.events = events
        self.clients: list[RawClient] = []
        plane.open_room(control.RoomOpen(room_id="r", max_participants=8))

    @property
    def room(self) -> Room:
        return self.plane.rooms["r"]

    def offer(self, participant_id: str, client: RawClient, grants: control.Grants = ALL) -> control.TransportAnswer:
        if client not in self.clients:
            self.clients.append(client)
        return self.plane.offer(
            control.TransportOffer(room_id="r", participant_id=participant_id, sdp=client.offer, grants=grants)
        )

    async def enter(self, participant_id: str, client: RawClient | None = None) -> RawClient:
        client = client or RawClient()
        await client.connect(self.offer(participant_id, client).sdp)
        await self.sees(lambda: self.state(participant_id) is TransportState.CONNECTED, f"{participant_id} connected")
        return client

    def view(self, participant_id: str, *publication_ids: str) -> control.ViewAssigned:
        return self.plane.set_view(
            control.ViewSet(
                room_id="r",
                participant_id=participant_id,
                pictures=tuple(control.WantedPicture(publication_id=one) for one in publication_ids),
            )
        )

    def state(self, participant_id: str) -> TransportState | None:
        participant = self.room.participants.get(participant_id)
        return participant.state if participant is not None else None

    def voices(self) -> None:
        """What the clockwork does every 100 ms."""
        self.room.tick_voices(self.clock.now)

    def second(self) -> None:
        self.room.tick_second(self.clock.now)

    async def sees(self, condition: Callable[[], Any], what: str) -> None:
        try:
            async with asyncio.timeout(3):
                while not condition():  # noqa: ASYNC110 - any state of the plane may be waited for
                    await asyncio.sleep(0.002)
        except TimeoutError:
            pytest.fail(f"not seen: {what}")

    def said(self, model: type[ControlModel], **fields: Any) -> list[ControlModel]:
        return [
            event
            for event in self.events
            if isinstance(event, model) and all(getattr(event, key) == value for key, value in fields.items())
        ]


def packet_of(client: RawClient, line: int, sequence: int, payload: bytes = b"payload") -> bytes:
    """A packet of one of the lines of Chromium's captured offer."""
    media = parse_offer(client.offer).media[line]
    return rtp(sequence, sequence * 900, media.ssrcs[0], payload, 111 if media.kind == "audio" else 108)


async def speak(studio: Studio, client: RawClient, participant_id: str) -> None:
    client.send(packet_of(client, MICROPHONE, 1))
    source = f"{participant_id}:microphone"
    await studio.sees(lambda: studio.room.publications[source].is_flowing, f"{source} flows")


def link(one: Studio, other: Studio, *, primary: bool) -> None:
    opened = other.plane.open_room(control.RoomOpen(room_id="r", primary=not primary))
    one.plane.link_room(control.RoomLink(room_id="r", peers=(opened.link,), primary=primary))
