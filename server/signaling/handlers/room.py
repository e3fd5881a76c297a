"""room.join, room.leave."""

from __future__ import annotations

from contextlib import suppress

from server.errors import AppError
from server.protocol.commands import RoomJoin, RoomJoined, RoomLeave
from server.rooms.seats import Arrival
from server.signaling.handlers.call import Call, Handler
from server.signaling.resume import ResumeClaims


async def join(call: Call) -> RoomJoined:
    """No await after the rooms' ``join``: its subscription must not overtake this answer on the wire."""
    session, rooms = call.session, call.rooms
    if session.companion:
        arrival = await rooms.companions.join(session.room, session.member_id, session.device, session.sid)
        session.seat = arrival.seat
        return _joined(call, arrival, "")
    arrival = await rooms.seats.join(
        session.room,
        session.member_id,
        session.device,
        session.sid,
        epoch=session.epoch,
        last_revision=call.command.last_revision,
    )
    seat = session.seat = arrival.seat
    session.epoch = seat.epoch
    claims = ResumeClaims(session.room.meeting_id, seat.member_id, session.device, seat.epoch)
    return _joined(call, arrival, call.tokens.make(claims))


def _joined(call: Call, arrival: Arrival, resume_token: str) -> RoomJoined:
    return RoomJoined(
        participant_id=arrival.seat.participant_id,
        resume_token=resume_token,
        grants=arrival.seat.grants(),
        revision=arrival.revision,
        server_ms=call.clock.now_ms(),
        companion=call.session.companion,
        snapshot=arrival.snapshot,
        missed=arrival.missed,  # type: ignore[arg-type]  # every numbered event is one of AnyRoomEvent
    )


async def leave(call: Call) -> None:
    if call.session.companion:
        await call.rooms.companions.end(call.room, call.who, "left")
        return
    await call.rooms.seats.leave(call.room, call.who)
    with suppress(AppError):  # gone either way; the worker notices by itself
        await call.rooms.media.close_transport(call.room, call.who.participant_id)


HANDLERS: dict[type, Handler] = {RoomJoin: join, RoomLeave: leave}
