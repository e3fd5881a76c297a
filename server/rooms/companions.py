"""Second devices of people, and machines that speak for them: beside the seats, never counted, on no roll.

A *companion* is a page on another device of somebody whose seat is held: it watches and hears, and leaves with its
socket. Encoders and players (devices.py) sit here too. Each has a transport of its own at the media worker.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from server.errors import AppError
from server.ids import new_id
from server.protocol.codes import ErrorCode
from server.protocol.events import RoomClosed
from server.protocol.models import Presence
from server.rooms.desk import Desk
from server.rooms.media_link import MediaLink
from server.rooms.participant import Participant
from server.rooms.room import Room
from server.rooms.seats import Arrival, Seats
from server.rooms.snapshot import snapshot

MAX_PER_MEMBER = 2  # pages; devices have their own bound
# What a companion's page may send. It has no sign-in, remark, hand, vote or publication of its own.
COMPANION_COMMANDS = frozenset(
    {"room.join", "room.leave", "transport.offer", "view.set", "quality.choose", "ice.servers"}
)


@dataclass(frozen=True, slots=True)
class Guise:
    """What another device comes as: what ``device`` says of it, and the name that is shown ("" = the member's)."""

    device: str
    name: str = ""


class Companions:
    """All state changes under the room's lock, calls to the media plane without it."""

    def __init__(self, desk: Desk, seats: Seats, media: MediaLink) -> None:
        self._desk = desk
        self._seats = seats
        self._media = media
        self._ended: list[tuple[str, str]] = []  # meeting and participant whose transport is still to be closed

    async def join(self, room: Room, member_id: str, device: str, connection: str) -> Arrival:
        """A page that only watches; of three the oldest goes. Subscribes the connection: nothing may wait after it.

        Raises AppError CONFLICT when the member's seat is not in the room, and those of ``Seats.admit``.
        """
        async with room.lock:
            self._seats.admit(room, member_id)
            seat = room.seat_of(member_id)
            if seat is None or not seat.in_room:
                raise AppError(ErrorCode.CONFLICT, "no device holds the seat: join without companion")
            mine = next((c for c in room.companions.values() if c.connection == connection), None)
            companion = mine or await self.enter(room, member_id, Guise(device))
            companion.connection = connection
            companion.liveness.handle_connected(self._desk.clock.monotonic_ms())
            self._desk.audience.subscribe(room.meeting_id, connection)
            return Arrival(companion, room.revisions.current, snapshot(room, self._desk.clock.now_ms()), None)

    async def enter(self, room: Room, member_id: str, guise: Guise) -> Participant:
        """The lock is held."""
        participant_id = new_id()
        payload = {
            "participant_id": participant_id,
            "member_id": member_id,
            "device": guise.device,
            "of": room.seat_id_of(member_id) or new_id(),
        }
        if guise.name:
            payload["name"] = guise.name
        await self._desk.record(room, "companion_joined", payload, actor=member_id)
        companion = room.companions[participant_id]
        companion.liveness.proof_ms = self._desk.clock.monotonic_ms()
        return companion

    async def disconnect(self, room: Room, connection: str) -> None:
        """The socket is gone, and its companion with it."""
        for companion in [c for c in room.companions.values() if c.connection == connection]:
            companion.connection = None  # were the log away now, the next sweep would end it
            await self.end(room, companion, "left", None)

    async def end_of_member(self, room: Room, member_id: str, reason: str, farewell: RoomClosed | None) -> None:
        for companion in room.companions_of(member_id):
            await self.end(room, companion, reason, farewell)

    async def end(self, room: Room, companion: Participant, reason: str, farewell: RoomClosed | None = None) -> None:
        """Out of the room, and without a media path. Gone already: nothing happens. Raises AppError LOG_UNAVAILABLE."""
        async with room.lock:
            await self._record_left(room, companion, reason, farewell)
        await self._close_transport(room, companion.participant_id)

    async def _close_transport(self, room: Room, participant_id: str) -> None:
        with suppress(AppError):  # the worker notices the silence
            await self._media.close_transport(room, participant_id)

    async def end_all(self, room: Room) -> None:
        """The lock is held; the meeting ends. Their transports end at the next sweep."""
        farewell = RoomClosed(code=ErrorCode.ROOM_CLOSED, reason="ended")
        for companion in list(room.companions.values()):
            await self._record_left(room, companion, "ended", farewell)
            self._ended.append((room.meeting_id, companion.participant_id))

    async def _record_left(self, room: Room, companion: Participant, reason: str, farewell: RoomClosed | None) -> None:
        if not companion.in_room:
            return
        payload = {
            "participant_id": companion.participant_id,
            "member_id": companion.member_id,
            "reason": reason,
        }
        await self._desk.record(room, "companion_left", payload)
        if companion.connection is not None:
            self._desk.audience.dismiss(room.meeting_id, companion.connection, farewell)
            companion.connection = None

    async def recover(self, room: Room, grace_until_ms: int) -> None:
        """After a restart of the server: pages come back with new tickets, devices may still be at the worker."""
        for companion in list(room.companions.values()):
            if companion.is_device:
                companion.presence = Presence.UNSTABLE
                companion.liveness.proof_ms = self._desk.clock.monotonic_ms()
                companion.liveness.grace_until_ms = grace_until_ms
            else:
                await self.end(room, companion, "lost")

    async def sweep(self, room: Room) -> None:
        """Devices without any proof of life, pages without a socket or beyond the bound, and what the meeting's end
        left behind."""
        ended = [participant_id for meeting_id, participant_id in self._ended if meeting_id == room.meeting_id]
        self._ended = [each for each in self._ended if each[0] != room.meeting_id]
        for participant_id in ended:
            await self._close_transport(room, participant_id)
        now = self._desk.clock.monotonic_ms()
        for companion in list(room.companions.values()):
            if companion.liveness.is_lost(now) if companion.is_device else companion.connection is None:
                await self.end(room, companion, "lost")
        for companion in _surplus(room):
            farewell = RoomClosed(code=ErrorCode.REPLACED, reason="another second device")
            await self.end(room, companion, "replaced", farewell)


def _surplus(room: Room) -> list[Participant]:
    """Pages beyond the bound, the oldest first. Done afterwards, so that a join waits for nothing."""
    pages: dict[str, list[Participant]] = {}
    for companion in room.companions.values():
        if not companion.is_device:
            pages.setdefault(companion.member_id, []).append(companion)
    return [companion for mine in pages.values() for companion in mine[:-MAX_PER_MEMBER]]
