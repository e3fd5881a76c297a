"""The meeting's course: start, end, agenda, stage, pause of the recording."""

from __future__ import annotations

from server.protocol.commands import AgendaMove, MeetingEnd, MeetingStart, RecordingPause, RecordingResume, StagePin
from server.signaling.handlers.call import Call, Handler


async def start(call: Call) -> None:
    await call.rooms.lifecycle.start(call.room, call.who)


async def end(call: Call) -> None:
    await call.rooms.lifecycle.end(call.room, call.who)


async def move_agenda(call: Call) -> None:
    await call.rooms.conduct.move_agenda(call.room, call.who, call.command.item_id)


async def pin_stage(call: Call) -> None:
    await call.rooms.conduct.pin_stage(call.room, call.who, call.command.publication_id)
    call.rooms.recording.set_stage(call.room)


async def pause_recording(call: Call) -> None:
    await call.rooms.recording.pause(call.room, call.who)


async def resume_recording(call: Call) -> None:
    await call.rooms.recording.resume(call.room, call.who)


HANDLERS: dict[type, Handler] = {
    MeetingStart: start,
    MeetingEnd: end,
    AgendaMove: move_agenda,
    StagePin: pin_stage,
    RecordingPause: pause_recording,
    RecordingResume: resume_recording,
}
