"""What each logged event does to a room. Pure: the live room and one rebuilt after a crash go through the same code.

``apply`` returns the numbered events that clients get. Log events that are no matter of the room are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from media.control import Source
from recordings.control import RecordingState
from server.meeting_log.types import LoggedEvent
from server.protocol import events
from server.protocol.base import RoomEvent
from server.protocol.models import MeetingState, RecordingInfo, RemarkInfo
from server.rooms.floor import Turn
from server.rooms.publications import publication_id_of
from server.rooms.room import Room
from server.rooms.seat_transitions import SEAT_TRANSITIONS, Payload, Transition, unpublish


def apply(room: Room, event: LoggedEvent) -> list[RoomEvent]:
    """Changes the room. The event is in the log: it happened, whatever the rules say today."""
    transition = TRANSITIONS.get(event.type)
    return list(transition(room, json.loads(event.payload), event)) if transition else []


def _opened(room: Room, _payload: Payload, _event: LoggedEvent) -> Iterator[RoomEvent]:
    room.opened = True
    yield from ()


def _started(room: Room, _payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.started_ms = event.at_ms
    return _state(room, MeetingState.LIVE, event)


def _interrupted(room: Room, _payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    return _state(room, MeetingState.INTERRUPTED, event)


def _resumed(room: Room, _payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    return _state(room, MeetingState.LIVE, event)


def _ended(room: Room, _payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.ended_ms = event.at_ms
    return _state(room, MeetingState.ENDED, event)


def _state(room: Room, state: MeetingState, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.state = state
    yield room.emit(events.MeetingChanged, event.at_ms, state=state, started_ms=room.started_ms, ended_ms=room.ended_ms)


def _signed_in(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    member_id = payload["member_id"]
    if not room.roll.expects(member_id):
        return
    room.roll.sign_in(member_id, event.at_ms, payload["method"], payload.get("by"))
    info = room.roll.info()
    yield room.emit(
        events.RollChanged,
        event.at_ms,
        entry=room.roll.entry(member_id),
        signed_in=info.signed_in,
        signed_in_voting=info.signed_in_voting,
    )
    seat = room.seat_of(member_id)
    if seat and seat.in_room:
        yield room.emit(events.ParticipantChanged, event.at_ms, participant=room.info_of(seat))


def _remark(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    yield _add_remark(room, payload, event, "text", payload["text"])


def _add_remark(room: Room, payload: Payload, event: LoggedEvent, kind: str, text: str) -> RoomEvent:
    person = room.definition.person(payload["member_id"])
    remark = RemarkInfo(
        remark_id=payload["remark_id"],
        participant_id=payload["participant_id"],
        member_id=payload["member_id"],
        name=person.name if person else "",
        kind=kind,
        text=text,
        at_ms=event.at_ms,
    )
    room.remarks.add(remark)
    return room.emit(events.RemarkAdded, event.at_ms, remark=remark)


def _hand_raised(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.hands.raise_(payload["participant_id"], event.at_ms)
    yield room.emit(events.HandsChanged, event.at_ms, hands=room.hands.infos())


def _hand_lowered(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.hands.lower(payload["participant_id"])
    yield room.emit(events.HandsChanged, event.at_ms, hands=room.hands.infos())


def _floor_given(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    participant_id = payload["participant_id"]
    if room.hands.lower(participant_id):
        yield room.emit(events.HandsChanged, event.at_ms, hands=room.hands.infos())
    room.floor.give(Turn(payload["remark_id"], participant_id, event.at_ms))
    yield _add_remark(room, payload, event, "spoken", "")
    yield room.emit(events.FloorChanged, event.at_ms, floor=room.floor.info())


def _floor_ended(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.floor.end()
    if room.remarks.get(payload["remark_id"]):
        ended = room.remarks.end(payload["remark_id"], event.at_ms)
        yield room.emit(events.RemarkAdded, event.at_ms, remark=ended)
    yield room.emit(events.FloorChanged, event.at_ms, floor=None)


def _agenda_moved(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.agenda.move(payload["item_id"], event.at_ms)
    yield room.emit(events.AgendaMoved, event.at_ms, agenda=room.agenda.info())


def _stage_changed(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    room.stage.pin(payload["publication_id"])
    yield room.emit(events.StageChanged, event.at_ms, pinned_publication_id=room.stage.pinned)


def _publication_started(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    added = room.publications.add(payload["participant_id"], payload["source"], muted=payload.get("muted", False))
    yield room.emit(events.PublicationAdded, event.at_ms, publication=added)


def _publication_ended(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    return unpublish(room, publication_id_of(payload["participant_id"], payload["source"]), event)


def _publication_muted(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    return _mute(room, payload["participant_id"], payload["source"], payload["muted"], event)


def _muted_by_host(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
    return _mute(room, payload["participant_id"], "microphone", True, event)


def _mute(room: Room, participant_id: str, source: Source, muted: bool, event: LoggedEvent) -> Iterator[RoomEvent]:
    changed = room.publications.set_muted(publication_id_of(participant_id, source), muted)
    if changed:
        yield room.emit(events.PublicationChanged, event.at_ms, publication=changed)


def _recording(state: RecordingState) -> Transition:
    def transition(room: Room, payload: Payload, event: LoggedEvent) -> Iterator[RoomEvent]:
        room.recording = RecordingInfo(
            recording_id=payload["recording_id"], state=state.value, since_ms=event.at_ms, code=payload.get("code")
        )
        if state in (RecordingState.STARTING, RecordingState.PAUSED, RecordingState.RECORDING):
            room.recording_paused = state is RecordingState.PAUSED
        yield room.emit(events.RecordingStateChanged, event.at_ms, recording=room.recording)

    return transition


TRANSITIONS: dict[str, Transition] = {
    **SEAT_TRANSITIONS,
    "meeting_opened": _opened,
    "meeting_started": _started,
    "meeting_interrupted": _interrupted,
    "meeting_resumed": _resumed,
    "meeting_ended": _ended,
    "signed_in": _signed_in,
    "remark": _remark,
    "hand_raised": _hand_raised,
    "hand_lowered": _hand_lowered,
    "floor_given": _floor_given,
    "floor_ended": _floor_ended,
    "agenda_moved": _agenda_moved,
    "stage_changed": _stage_changed,
    "publication_started": _publication_started,
    "publication_ended": _publication_ended,
    "publication_muted": _publication_muted,
    "muted_by_host": _muted_by_host,
    "recording_started": _recording(RecordingState.STARTING),
    "recording_paused": _recording(RecordingState.PAUSED),
    "recording_resumed": _recording(RecordingState.RECORDING),
    "recording_failed": _recording(RecordingState.FAILED),
    "recording_finished": _recording(RecordingState.FINISHED),
}
