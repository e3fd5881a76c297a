"""A room without sockets or database: a log in memory, ears that remember, a clock that moves when told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from media.control import Grants, QualityLevel, SlotInfo, TransportAnswer, WantedPicture
from server.errors import AppError
from server.meeting_log.chain import link
from server.meeting_log.types import LoggedEvent, validate
from server.protocol.base import RoomEvent, VolatileEvent
from server.protocol.codes import ErrorCode
from server.protocol.events import RoomClosed
from server.protocol.models import MeetingState, MeetingType, RoomRole
from server.rooms.companions import Companions
from server.rooms.conduct import Conduct
from server.rooms.definition import AgendaItem, MeetingDefinition, RollMember
from server.rooms.desk import Desk
from server.rooms.devices import Devices
from server.rooms.media_link import MediaLink
from server.rooms.participant import Participant
from server.rooms.quality import Quality
from server.rooms.room import Room
from server.rooms.seats import Arrival, Seats

PEOPLE = {
    "host": RoomRole.HOST,
    "rec": RoomRole.RECORDER,
    "lect": RoomRole.LECTURER,
    "n1": RoomRole.MEMBER,
    "n2": RoomRole.MEMBER,
    "o": RoomRole.OBSERVER,
}


@dataclass
class ManualClock:
    now: int = 1_800_000_000_000
    monotonic: int = 100_000

    def now_ms(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.monotonic

    def advance(self, ms: int) -> None:
        self.now += ms
        self.monotonic += ms


@dataclass
class MemoryLog:
    """Real links, kept in a list. ``away``: the disk is full."""

    clock: ManualClock
    events: list[LoggedEvent] = field(default_factory=list)
    away: bool = False

    async def append(
        self,
        meeting_id: str,
        type_: str,
        payload: dict[str, Any],
        *,
        actor: str | None = None,
        at_ms: int | None = None,
    ) -> LoggedEvent:
        validate(type_, payload)
        if self.away:
            raise AppError(ErrorCode.LOG_UNAVAILABLE, retryable=True)
        stamp = self.clock.now if at_ms is None else at_ms
        last = self.events[-1] if self.events else None
        self.events.append(link(last, meeting_id, type_, payload, actor=actor, at_ms=stamp))
        return self.events[-1]

    async def read(self, meeting_id: str) -> list[LoggedEvent]:
        return list(self.events)

    async def flush(self, meeting_id: str) -> None: ...

    async def settle(self) -> None: ...

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def payload(self, index: int = -1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.events[index].payload)
        return found


@dataclass
class Ears:
    """An audience that remembers."""

    published: list[RoomEvent | VolatileEvent] = field(default_factory=list)
    told: list[tuple[str, VolatileEvent]] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)
    dismissed: list[tuple[str, RoomClosed | None]] = field(default_factory=list)
    silent: dict[str, int] = field(default_factory=dict)

    def publish(self, meeting_id: str, event: RoomEvent | VolatileEvent) -> None:
        self.published.append(event)

    def tell(self, meeting_id: str, connection: str, event: VolatileEvent) -> None:
        self.told.append((connection, event))

    def subscribe(self, meeting_id: str, connection: str) -> None:
        self.subscribed.append(connection)

    def dismiss(self, meeting_id: str, connection: str, farewell: RoomClosed | None) -> None:
        self.dismissed.append((connection, farewell))

    def silent_ms(self, connection: str) -> int:
        return self.silent.get(connection, 0)

    def names(self) -> list[str]:
        return [event.NAME for event in self.published]


class MemoryPlane:
    """Remembers who has a transport and with which grants. ``answer`` cleared: offers wait."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()
        self.transports: set[str] = set()
        self.grants: dict[str, Grants] = {}
        self.caps: list[tuple[str, QualityLevel | None]] = []
        self.ended: list[str] = []
        self.views: dict[str, list[str]] = {}
        self.refuses = False

    def expect_room(self, room_id: str) -> None: ...

    async def open_room(self, room_id: str) -> str:
        return "unix:/tap"

    async def close_room(self, room_id: str) -> None:
        self.transports.clear()

    async def offer(self, room_id: str, participant_id: str, sdp: str, grants: Grants) -> TransportAnswer:
        self.asked.set()
        await self.answer.wait()
        self.transports.add(participant_id)
        self.grants[participant_id] = grants
        return TransportAnswer(sdp=sdp, sources={}, slots=())

    async def set_view(
        self, room_id: str, participant_id: str, pictures: tuple[WantedPicture, ...]
    ) -> tuple[SlotInfo, ...]:
        if participant_id not in self.transports:
            raise AppError(ErrorCode.CONFLICT, "offer first")
        self.views[participant_id] = [picture.publication_id for picture in pictures]
        return ()

    async def set_grants(self, room_id: str, participant_id: str, grants: Grants) -> None:
        if self.refuses:
            raise AppError(ErrorCode.MEDIA_UNAVAILABLE)
        self.grants[participant_id] = grants

    async def set_quality(self, room_id: str, participant_id: str, level: QualityLevel | None) -> None:
        self.caps.append((participant_id, level))

    async def end_publication(self, room_id: str, publication_id: str) -> None:
        self.ended.append(publication_id)

    async def close_transport(self, room_id: str, participant_id: str) -> None:
        self.transports.discard(participant_id)


def make_definition() -> MeetingDefinition:
    people = [
        RollMember(
            member, f"名{member}", role, has_vote=role is not RoomRole.OBSERVER, counted=role is not RoomRole.OBSERVER
        )
        for member, role in PEOPLE.items()
    ]
    return MeetingDefinition(
        meeting_id="m",
        type=MeetingType.PARTY_LESSON,
        title="党课",
        state=MeetingState.SCHEDULED,
        organisation_name="支部",
        host_name="名host",
        lecturer_name="名lect",
        start_ms=0,
        end_ms=1,
        record=False,
        quorum_percent=None,
        agenda=(AgendaItem("a1", "学习", 10), AgendaItem("a2", "讨论")),
        people=tuple(people),
    )


class Hall:
    """A room with everything that acts on it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)
        self.ears = Ears()
        self.room = Room(make_definition(), self.clock.now)
        self.desk = Desk(self.log, self.clock, self.ears)
        self.conduct = Conduct(self.desk)
        self.seats = Seats(self.desk, self.conduct)
        self.plane = MemoryPlane()
        self.media = MediaLink(self.desk, self.seats, self.plane)
        self.quality = Quality(self.desk, self.plane)
        self.companions = Companions(self.desk, self.seats, self.media)
        self.devices = Devices(self.desk, self.companions, self.seats, self.media)

    async def enter(self, member_id: str, connection: str | None = None, **fields: Any) -> Arrival:
        options: dict[str, Any] = {"epoch": None, "last_revision": None, **fields}
        return await self.seats.join(self.room, member_id, "desktop", connection or f"c-{member_id}", **options)

    async def sit(self, member_id: str) -> Participant:
        return (await self.enter(member_id)).seat

    async def start(self) -> None:
        async with self.room.lock:
            payload = {"roll": [], "expected": 5, "expected_voting": 5, "rule": "1"}
            await self.desk.record(self.room, "meeting_started", payload)


@pytest.fixture
def hall() -> Hall:
    return Hall()
