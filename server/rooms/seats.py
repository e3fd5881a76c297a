"""Who sits in the room: joining, coming back, taking over, leaving, being lost or removed."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from server.errors import AppError, ForbiddenError, NotFoundError
from server.ids import new_id
from server.protocol.base import RoomEvent
from server.protocol.codes import ErrorCode
from server.protocol.events import RoomClosed
from server.protocol.models import RoomSnapshot
from server.rooms.conduct import Conduct
from server.rooms.definition import RollMember
from server.rooms.desk import Desk
from server.rooms.participant import Participant
from server.rooms.room import Room
from server.rooms.snapshot import snapshot

STALL_GRACE_MS = 5_000
RESUME_MS = 600_000  # a seat that nobody held for so long is not resumed but joined again

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What somebody who joined is told: a snapshot, or what was missed since his last revision."""

    seat: Participant
    revision: int
    snapshot: RoomSnapshot | None
    missed: tuple[RoomEvent, ...] | None


class Seats:
    """All state changes under the room's lock; a connection is an opaque name."""

    def __init__(self, desk: Desk, conduct: Conduct) -> None:
        self._desk = desk
        self._conduct = conduct

    def admit(self, room: Room, member_id: str) -> RollMember:
        """Rights as they are now. Raises AppError ROOM_CLOSED, FORBIDDEN, REMOVED."""
        if room.is_over:
            raise AppError(ErrorCode.ROOM_CLOSED, f"the meeting is {room.state}")
        person = room.definition.person(member_id)
        if person is None:
            raise ForbiddenError("not on the roll of this meeting")
        seat = room.seat_of(member_id)
        if seat is not None and seat.left_reason == "removed":
            raise AppError(ErrorCode.REMOVED, "the host removed this participant")
        return person

    def resumable(self, room: Room, member_id: str, epoch: int) -> Participant:
        """Raises AppError REPLACED, RESUME_EXPIRED besides those of ``admit``."""
        self.admit(room, member_id)
        seat = room.seat_of(member_id)
        if seat is None or seat.left_reason not in (None, "lost"):
            raise AppError(ErrorCode.RESUME_EXPIRED, "the seat was given up")
        if seat.epoch != epoch:
            raise AppError(ErrorCode.REPLACED, "the seat was taken over by another device")
        held = seat.connection is not None
        if not held and not seat.in_room and self._desk.clock.now_ms() - seat.seen_ms > RESUME_MS:
            raise AppError(ErrorCode.RESUME_EXPIRED, "the seat was not held for ten minutes")
        return seat

    async def join(
        self,
        room: Room,
        member_id: str,
        device: str,
        connection: str,
        *,
        epoch: int | None,
        last_revision: int | None,
    ) -> Arrival:
        """``epoch`` None: with a ticket, so a seat that is held is taken over. Subscribes the connection."""
        async with room.lock:
            person = self.admit(room, member_id)
            seat = room.seat_of(member_id)
            if seat is None or seat.connection != connection:
                seat = await self._sit_down(room, person, device, epoch)
                self._bind(room, seat, connection)
                await self.settle_presence(room, seat)
            # From here to the acknowledgement nothing may wait: what follows the snapshot must follow it on the wire.
            arrival = self._arrival(room, seat, last_revision)
            self._desk.audience.subscribe(room.meeting_id, connection)
            return arrival

    async def _sit_down(self, room: Room, person: RollMember, device: str, epoch: int | None) -> Participant:
        seat = room.seat_of(person.member_id)
        if epoch is not None:
            seat = self.resumable(room, person.member_id, epoch)
            if not seat.in_room:
                await self._record_joined(room, seat.participant_id, person, device, seat.epoch)
            return seat
        if seat is not None and seat.in_room:
            await self._record_left(room, seat, "replaced")
        participant_id = room.seat_id_of(person.member_id) or new_id()
        await self._record_joined(room, participant_id, person, device, seat.epoch + 1 if seat else 1)
        return room.participants[participant_id]

    def _bind(self, room: Room, seat: Participant, connection: str) -> None:
        if seat.connection is not None:
            farewell = RoomClosed(code=ErrorCode.REPLACED, reason="joined from elsewhere")
            self._desk.audience.dismiss(room.meeting_id, seat.connection, farewell)
        seat.connection = connection
        seat.liveness.handle_connected(self._desk.clock.monotonic_ms())

    def _arrival(self, room: Room, seat: Participant, last_revision: int | None) -> Arrival:
        missed = room.revisions.after(last_revision) if last_revision is not None else None
        whole = snapshot(room, self._desk.clock.now_ms()) if missed is None else None
        return Arrival(seat, room.revisions.current, whole, missed)

    async def disconnect(self, room: Room, connection: str, silent_ms: int) -> None:
        """The socket is gone; it was last heard ``silent_ms`` ago."""
        async with room.lock:
            seat = next((s for s in room.participants.values() if s.connection == connection), None)
            if seat is None:
                return
            seat.connection = None
            seat.liveness.handle_disconnected(self._desk.clock.monotonic_ms() - silent_ms)
            self._desk.audience.dismiss(room.meeting_id, connection, None)
            await self.settle_presence(room, seat)

    async def settle_presence(self, room: Room, seat: Participant) -> None:
        """The lock is held. Says what liveness says, if that is news. Before the next sweep nothing is lost by a
        log that is away."""
        presence = seat.liveness.presence()
        if seat.in_room and presence is not seat.presence:
            payload = {"participant_id": seat.participant_id, "presence": presence.value}
            try:
                await self._desk.record(room, "presence_changed", payload, actor=seat.member_id)
            except AppError as error:
                _logger.warning("presence of participant=%s not logged: %s", seat.participant_id, error)

    async def leave(self, room: Room, seat: Participant) -> None:
        async with room.lock:
            await self._stand_up(room, seat, "left", None)

    async def remove(self, room: Room, who: Participant, participant_id: str) -> None:
        """By the host."""
        async with room.lock:
            seat = room.in_room(participant_id)
            if seat is None:
                raise NotFoundError("no such participant in the room")
            if seat is who:
                raise AppError(ErrorCode.VALIDATION, "leave instead", fields={"participant_id": "is yourself"})
            await self._stand_up(room, seat, "removed", RoomClosed(code=ErrorCode.REMOVED, reason="removed"), by=who)

    async def readmit(self, room: Room, who: Participant, member_id: str) -> None:
        """Takes a removal back: the member may enter again, with a new ticket. Not removed: nothing happens."""
        async with room.lock:
            seat = room.seat_of(member_id)
            if seat is None or seat.left_reason != "removed":
                return
            payload = {"participant_id": seat.participant_id, "member_id": member_id, "by": who.member_id}
            await self._desk.record(room, "readmitted", payload, actor=who.member_id)

    async def sweep(self, room: Room) -> list[str]:
        """Gives up seats without any proof of life; returns their participants."""
        lost: list[str] = []
        async with room.lock:
            now = self._desk.clock.monotonic_ms()
            for seat in room.present():
                if seat.connection is not None:
                    seat.liveness.handle_silence(self._desk.audience.silent_ms(seat.connection), now)
                if not seat.liveness.is_lost(now):
                    await self.settle_presence(room, seat)
                    continue
                await self._stand_up(room, seat, "lost", None, at_ms=self._last_proof_ms(seat))
                lost.append(seat.participant_id)
        return lost

    def forgive(self, room: Room) -> None:
        """We ourselves stood still: answers that came meanwhile are still to be read, and nobody is lost for that."""
        until_ms = self._desk.clock.monotonic_ms() + STALL_GRACE_MS
        for who in (*room.present(), *room.companions.values()):
            who.liveness.grace_until_ms = max(who.liveness.grace_until_ms, until_ms)

    def _last_proof_ms(self, seat: Participant) -> int:
        """By the wall clock. Attendance ends there, not when we noticed."""
        now = self._desk.clock.monotonic_ms()
        return self._desk.clock.now_ms() - (now - seat.liveness.last_proof_ms(now))

    async def stand_up_all(self, room: Room) -> None:
        """The lock is held; the meeting ends. Connections stay, so that everybody still hears of the end."""
        for seat in room.present():
            await self._record_left(room, seat, "ended", at_ms=self._last_proof_ms(seat))

    def dismiss_all(self, room: Room) -> None:
        farewell = RoomClosed(code=ErrorCode.ROOM_CLOSED, reason="ended")
        for seat in room.participants.values():
            self._dismiss(room, seat, farewell)

    async def _stand_up(
        self,
        room: Room,
        seat: Participant,
        reason: str,
        farewell: RoomClosed | None,
        *,
        by: Participant | None = None,
        at_ms: int | None = None,
    ) -> None:
        if not seat.in_room:
            return
        if room.floor.is_held_by(seat.participant_id):
            await self._conduct.end_turn(room, by)
        await self._record_left(room, seat, reason, by=by, at_ms=at_ms)
        self._dismiss(room, seat, farewell)

    def _dismiss(self, room: Room, seat: Participant, farewell: RoomClosed | None) -> None:
        if seat.connection is not None:
            self._desk.audience.dismiss(room.meeting_id, seat.connection, farewell)
            seat.connection = None
        seat.liveness.connected = False

    async def _record_joined(
        self, room: Room, participant_id: str, person: RollMember, device: str, epoch: int
    ) -> None:
        payload = {
            "participant_id": participant_id,
            "member_id": person.member_id,
            "role": person.role.value,
            "device": device,
            "epoch": epoch,
        }
        await self._desk.record(room, "joined", payload, actor=person.member_id)

    async def _record_left(
        self,
        room: Room,
        seat: Participant,
        reason: str,
        *,
        by: Participant | None = None,
        at_ms: int | None = None,
    ) -> None:
        payload = {"participant_id": seat.participant_id, "member_id": seat.member_id, "reason": reason}
        actor = (by or seat).member_id if reason in ("left", "removed", "replaced") else None
        await self._desk.record(room, "left", payload, actor=actor, at_ms=at_ms)
