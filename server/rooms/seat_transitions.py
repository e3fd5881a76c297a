"""What each logged event about who is in the room does to it: seats, second devices, grants, quality. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from server.meeting_log.types import LoggedEvent
from server.protocol import events
from server.protocol.base import RoomEvent
from server.protocol.models import Presence, QualityLevel, RoomRole
from server.rooms.participant import FULL, Participant, Served
from server.rooms.presence import Liveness
from server.rooms.room import Room

Payload = Mapping[str, Any]
Transition = Callable[[Room, Payload, LoggedEvent], Iterator[RoomEvent]]


def _joined(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    seat = room.participants.get(payload["participant_id"])
    was_shown = seat is not None and seat.in_room
    if seat is None:
        seat = _new_seat(room, payload, event)
        room.participants[seat.participant_id] = seat
    if not was_shown:
        seat.joined_ms = event.at_ms
        seat.quality = seat.served = FULL
    epoch = payload.get("epoch", seat.epoch)
    if epoch != seat.epoch:  # another device on another network
        seat.quality_cap = None
    seat.device, seat.epoch = payload["device"], epoch
    seat.in_room, seat.left_reason, seat.presence = True, None, Presence.PRESENT
    seat.seen_ms = event.at_ms
    kind = events.ParticipantChanged if was_shown else events.ParticipantJoined
    yield room.emit(kind, event.at_ms, participant=room.info_of(seat))


def _new_seat(room: Room, payload: Payload, event: LoggedEvent) -> Participant:
    person = room.definition.person(payload["member_id"])
    return Participant(
        participant_id=payload["participant_id"],
        member_id=payload["member_id"],
        name=person.name if person else "",
        role=RoomRole(payload["role"]),
        device=payload["device"],
        joined_ms=event.at_ms,
        liveness=Liveness(0),
    )


def _presence_changed(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    seat = room.participants[payload["participant_id"]]
    seat.presence = Presence(payload["presence"])
    seat.seen_ms = event.at_ms
    yield room.emit(events.ParticipantChanged, event.at_ms, participant=room.info_of(seat))


def _left(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    """A replaced seat goes on with the newer device: hand, floor and place stay, what the older one sent does not."""
    participant_id = payload["participant_id"]
    seat = room.participants[participant_id]
    seat.left_reason, seat.seen_ms = payload["reason"], event.at_ms
    for publication_id in room.publications.of(participant_id):
        yield from unpublish(room, publication_id, event)
    if payload["reason"] == "replaced":
        return
    seat.in_room, seat.presence = False, Presence.AWAY
    if room.hands.lower(participant_id):
        yield room.emit(events.HandsChanged, event.at_ms, hands=room.hands.infos())
    room.speakers = tuple(speaker for speaker in room.speakers if speaker != participant_id)
    yield room.emit(events.ParticipantLeft, event.at_ms, participant_id=participant_id, reason=payload["reason"])


def _companion_joined(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    person = room.definition.person(payload["member_id"])
    companion = Participant(
        participant_id=payload["participant_id"],
        member_id=payload["member_id"],
        name=payload.get("name") or (person.name if person else ""),
        role=person.role if person else RoomRole.OBSERVER,
        device=payload["device"],
        joined_ms=event.at_ms,
        liveness=Liveness(0),
        companion_of=payload["of"],
    )
    room.companions[companion.participant_id] = companion
    yield room.emit(events.ParticipantJoined, event.at_ms, participant=room.info_of(companion))


def _companion_left(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    participant_id = payload["participant_id"]
    companion = room.companions.pop(participant_id)
    companion.in_room, companion.left_reason = False, payload["reason"]
    for publication_id in room.publications.of(participant_id):
        yield from unpublish(room, publication_id, event)
    room.speakers = tuple(speaker for speaker in room.speakers if speaker != participant_id)
    yield room.emit(events.ParticipantLeft, event.at_ms, participant_id=participant_id, reason=payload["reason"])


def _readmitted(room: Room, payload: Payload, _event: LoggedEvent) -> Iterator[RoomEvent]:
    """As if the seat had been left of one's own accord."""
    room.participants[payload["participant_id"]].left_reason = "left"
    yield from ()


def _grants_changed(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    seat = room.participants.get(payload["participant_id"]) or room.companions[payload["participant_id"]]
    seat.withheld = tuple(payload["withheld"])
    yield room.emit(events.ParticipantChanged, event.at_ms, participant=room.info_of(seat))


def _quality_chosen(room: Room, payload: Payload, _event: LoggedEvent) -> Iterator[RoomEvent]:
    level = payload["level"]
    room.participants[payload["participant_id"]].quality_cap = None if level is None else QualityLevel(level)
    yield from ()


def _quality_changed(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    seat = room.participants[payload["participant_id"]]
    seat.quality = seat.served = Served(QualityLevel(payload["level"]), payload["chosen"])
    yield room.emit(events.ParticipantChanged, event.at_ms, participant=room.info_of(seat))


def unpublish(room: Room, publication_id: str, event: LoggedEvent) -> Iterator[RoomEvent]:
    if not room.publications.remove(publication_id):
        return
    yield room.emit(events.PublicationRemoved, event.at_ms, publication_id=publication_id)
    if room.stage.pinned == publication_id:
        room.stage.pin(None)
        yield room.emit(events.StageChanged, event.at_ms, pinned_publication_id=None)


SEAT_TRANSITIONS: dict[str, Transition] = {
    "joined": _joined,
    "presence_changed": _presence_changed,
    "left": _left,
    "companion_joined": _companion_joined,
    "companion_left": _companion_left,
    "readmitted": _readmitted,
    "grants_changed": _grants_changed,
    "quality_chosen": _quality_chosen,
    "quality_changed": _quality_changed,
}
