"""One room: its parts, its revision, its lock. Pure state; transitions.py changes it, snapshot.py shows it."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from server.protocol.base import RoomEvent
from server.protocol.models import MeetingState, ParticipantInfo, RecordingInfo, RoomRole
from server.rooms.agenda import Agenda
from server.rooms.definition import MeetingDefinition
from server.rooms.floor import Floor
from server.rooms.hands import Hands
from server.rooms.participant import Participant
from server.rooms.publications import Publications
from server.rooms.remarks import Remarks
from server.rooms.revisions import Revisions
from server.rooms.roll import Roll
from server.rooms.stage import Stage

E = TypeVar("E", bound=RoomEvent)
NO_RECORDING = RecordingInfo(recording_id=None, state="off")


class Room:
    """``lock`` is held from a check through the log append to the change that follows from it."""

    def __init__(self, definition: MeetingDefinition, first_revision: int) -> None:
        self.definition = definition
        self.lock = asyncio.Lock()
        self.state = MeetingState.SCHEDULED
        self.started_ms: int | None = None
        self.ended_ms: int | None = None
        self.opened = False
        self.participants: dict[str, Participant] = {}
        self.companions: dict[str, Participant] = {}  # second devices; those in the room only
        self.hands = Hands()
        self.floor = Floor()
        self.agenda = Agenda(definition.agenda)
        self.stage = Stage()
        self.roll = Roll(definition.people)
        self.remarks = Remarks()
        self.publications = Publications()
        self.recording = NO_RECORDING
        self.recording_paused = False  # by the host, whatever became of the recording since
        self.speakers: tuple[str, ...] = ()
        self.revisions = Revisions(first_revision)

    @property
    def meeting_id(self) -> str:
        return self.definition.meeting_id

    @property
    def is_over(self) -> bool:
        return self.state in (MeetingState.ENDED, MeetingState.CANCELLED)

    def seat_of(self, member_id: str) -> Participant | None:
        return next((seat for seat in self.participants.values() if seat.member_id == member_id), None)

    def present(self) -> list[Participant]:
        """Those in the room, unstable ones too."""
        return [seat for seat in self.participants.values() if seat.in_room]

    def in_room(self, participant_id: str) -> Participant | None:
        seat = self.participants.get(participant_id)
        return seat if seat and seat.in_room else None

    def companions_of(self, member_id: str) -> list[Participant]:
        """The oldest first."""
        return [companion for companion in self.companions.values() if companion.member_id == member_id]

    def seat_id_of(self, member_id: str) -> str | None:
        """Also of a seat that is still to come, because a device came before it."""
        seat = self.seat_of(member_id)
        if seat is not None:
            return seat.participant_id
        return next((companion.companion_of for companion in self.companions_of(member_id)), None)

    def anybody(self, participant_id: str) -> Participant | None:
        """In the room, on a seat or beside one."""
        return self.in_room(participant_id) or self.companions.get(participant_id)

    def role_of(self, member_id: str) -> RoomRole | None:
        person = self.definition.person(member_id)
        return person.role if person else None

    def info_of(self, seat: Participant) -> ParticipantInfo:
        return seat.info(signed_in=self.roll.signed_in(seat.member_id))

    def emit(self, kind: type[E], at_ms: int, **fields: Any) -> E:
        """The next numbered event."""
        event = kind(revision=self.revisions.current + 1, at_ms=at_ms, **fields)
        self.revisions.add(event)
        return event
