"""A meeting's course: opened, started, interrupted, resumed, ended, and what has to be done after its end."""

from __future__ import annotations

import hashlib
import logging

from server.errors import AppError
from server.meeting_log.chain import canonical
from server.meeting_log.ports import MeetingLog
from server.protocol.codes import ErrorCode
from server.protocol.events import RollChanged
from server.protocol.models import MeetingState, MeetingType
from server.rooms import persistence
from server.rooms.companions import Companions
from server.rooms.conduct import Conduct
from server.rooms.definition import MeetingDefinition, RollMember
from server.rooms.desk import Desk
from server.rooms.participant import Participant
from server.rooms.ports import RecordBook, RollKeeper, WriteBehind
from server.rooms.recording import RecordingDesk
from server.rooms.room import Room
from server.rooms.seats import Seats
from server.storage.engine import Database

_logger = logging.getLogger(__name__)


class Lifecycle:
    """States: scheduled → live ⇄ interrupted → ended."""

    def __init__(
        self,
        desk: Desk,
        db: Database,
        keeper: RollKeeper,
        book: RecordBook,
        deferred: WriteBehind,
        conduct: Conduct,
        seats: Seats,
        companions: Companions,
        recording: RecordingDesk,
    ) -> None:
        self._desk = desk
        self._db = db
        self._keeper = keeper
        self._book = book
        self._deferred = deferred
        self._conduct = conduct
        self._seats = seats
        self._companions = companions
        self._recording = recording

    async def define(self, meeting_id: str) -> MeetingDefinition:
        """Raises NotFoundError, DatabaseAwayError."""
        quorum = {type_.value: self._keeper.profile(type_).quorum_percent for type_ in MeetingType}
        return await persistence.load_definition(self._db, meeting_id, quorum)

    async def open(self, room: Room) -> None:
        """The lock is held: nobody has been in the room before."""
        counted = [person for person in room.definition.people if person.counted]
        payload = {"roll_sha256": roll_sha256(counted), "expected": len(counted)}
        await self._desk.record(room, "meeting_opened", payload)

    async def start(self, room: Room, who: Participant) -> None:
        """Freezes the roll. Live already: nothing happens. Raises AppError MEETING_STATE, DATABASE_AWAY."""
        async with room.lock:
            match room.state:
                case MeetingState.LIVE:
                    return
                case MeetingState.INTERRUPTED:
                    await self._desk.record(room, "meeting_resumed", {}, actor=who.member_id)
                    self.save_state(room)
                case MeetingState.SCHEDULED:
                    await self._start(room, who)
                case _:
                    raise AppError(ErrorCode.MEETING_STATE, f"the meeting is {room.state}")

    async def _start(self, room: Room, who: Participant) -> None:
        frozen = await self._keeper.freeze_roll(room.meeting_id)
        definition = await self.define(room.meeting_id)
        if definition.state is MeetingState.CANCELLED:
            raise AppError(ErrorCode.MEETING_STATE, "the meeting was cancelled")
        payload = {
            "roll": [[member_id, has_vote] for member_id, has_vote in frozen.roll],
            "expected": frozen.expected,
            "expected_voting": frozen.expected_voting,
            "rule": frozen.rule,
        }
        await self._desk.record(room, "meeting_started", payload, actor=who.member_id)
        self._adopt(room, definition)
        self.save_state(room)
        if definition.record:
            await self._recording.begin(room)

    def _adopt(self, room: Room, definition: MeetingDefinition) -> None:
        """The frozen roll becomes the room's; whoever is new or changed on it is shown."""
        before = {entry.member_id: entry for entry in room.roll.info().entries}
        room.definition = definition
        room.roll.replace(definition.people)
        info = room.roll.info()
        for entry in info.entries:
            if before.get(entry.member_id) != entry:
                counts = {"signed_in": info.signed_in, "signed_in_voting": info.signed_in_voting}
                self._desk.show(room, RollChanged, entry=entry, **counts)

    async def cancel(self, room: Room) -> None:
        """Before it has begun; who waits in the room is sent home. Raises AppError MEETING_STATE, DATABASE_AWAY."""
        async with room.lock:
            if room.state is not MeetingState.SCHEDULED:  # the table may not know yet that it has begun
                raise AppError(ErrorCode.MEETING_STATE, f"a meeting that is {room.state} cannot be cancelled")
            await self._keeper.cancel(room.meeting_id)
            await self._companions.end_all(room)
            room.state = MeetingState.CANCELLED
            self._seats.dismiss_all(room)

    async def interrupt(self, room: Room) -> None:
        """After a restart of the server nobody came back."""
        async with room.lock:
            if room.state is MeetingState.LIVE and not room.present():
                since_ms = max((seat.seen_ms for seat in room.participants.values()), default=room.started_ms or 0)
                await self._desk.record(room, "meeting_interrupted", {"since_ms": since_ms})
                self.save_state(room)

    async def end(self, room: Room, who: Participant | None, reason: str = "host") -> None:
        """Closes the room for everybody. Ended already: nothing happens. Raises AppError MEETING_STATE."""
        async with room.lock:
            if room.state is MeetingState.ENDED:
                return
            if room.state not in (MeetingState.LIVE, MeetingState.INTERRUPTED):
                raise AppError(ErrorCode.MEETING_STATE, f"the meeting is {room.state}")
            await self._conduct.end_turn(room, who)
            if room.agenda.current is not None:
                await self._desk.record(room, "agenda_moved", {"item_id": None}, actor=who.member_id if who else None)
            await self._companions.end_all(room)
            await self._seats.stand_up_all(room)
            await self._desk.record(room, "meeting_ended", {"reason": reason}, actor=who.member_id if who else None)
            self._seats.dismiss_all(room)
            self._recording.end(room)
            self.finish(room)

    def save_state(self, room: Room) -> None:
        state, started_ms, ended_ms = room.state, room.started_ms, room.ended_ms
        meeting_id = room.meeting_id
        self._deferred.put(
            "save_state", lambda: persistence.save_state(self._db, meeting_id, state, started_ms, ended_ms)
        )

    def finish(self, room: Room) -> None:
        """Also after a restart. The ledger entry is assembled when the whole log is in the database."""
        self.save_state(room)
        self._deferred.put("assemble", lambda: self._assemble(self._desk.log, room.meeting_id))

    async def _assemble(self, log: MeetingLog, meeting_id: str) -> None:
        await log.flush(meeting_id)
        entry_id = await self._book.assemble(meeting_id)
        _logger.info("meeting=%s ended; ledger entry=%s", meeting_id, entry_id)


def roll_sha256(people: list[RollMember]) -> str:
    """Over the counted members and their votes, in the order of their ids."""
    rows = sorted([person.member_id, person.has_vote] for person in people)
    return hashlib.sha256(canonical(rows).encode()).hexdigest()
