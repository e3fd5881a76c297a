"""Between the rooms and the media plane: who left has no media path, however slow the worker is."""

from __future__ import annotations

import asyncio

from media.control import Grants, SlotInfo, TransportAnswer, WantedPicture
from server.protocol.codes import ErrorCode
from server.rooms.media_link import MediaLink
from tests.unit.server.rooms.conftest import Hall
from tests.unit.server.rooms.test_conduct import code_of


class SlowPlane:
    """Answers an offer when it is told to; remembers who has a transport."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.transports: set[str] = set()

    async def end_publication(self, room_id: str, publication_id: str) -> None:
        raise NotImplementedError

    def expect_room(self, room_id: str) -> None:
        raise NotImplementedError

    async def open_room(self, room_id: str) -> str:
        raise NotImplementedError

    async def close_room(self, room_id: str) -> None:
        raise NotImplementedError

    async def offer(self, room_id: str, participant_id: str, sdp: str, grants: Grants) -> TransportAnswer:
        self.asked.set()
        await self.answer.wait()
        self.transports.add(participant_id)
        return TransportAnswer(sdp=sdp, sources={}, slots=())

    async def set_view(
        self, room_id: str, participant_id: str, pictures: tuple[WantedPicture, ...]
    ) -> tuple[SlotInfo, ...]:
        raise NotImplementedError

    async def close_transport(self, room_id: str, participant_id: str) -> None:
        self.transports.discard(participant_id)


async def test_who_is_removed_while_the_worker_answers_has_no_media_path(hall: Hall) -> None:
    plane = SlowPlane()
    link = MediaLink(hall.desk, hall.seats, plane)
    host, member = await hall.sit("host"), await hall.sit("n1")
    refused = asyncio.create_task(code_of(link.offer(hall.room, member, "v=0")))
    await plane.asked.wait()
    await hall.seats.remove(hall.room, host, member.participant_id)
    await link.close_transport(hall.room, member.participant_id)  # comes too early
    plane.answer.set()
    assert await refused is ErrorCode.NOT_JOINED
    assert plane.transports == set()
    assert (await link.offer(hall.room, host, "v=0")).sdp == "v=0"
    assert plane.transports == {host.participant_id}
