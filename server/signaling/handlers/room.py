"""room.join, room.leave."""

from __future__ import annotations

from contextlib import suppress

from server.errors import AppError
from server.protocol.commands import RoomJoin, RoomJoined, RoomLeave
from server.signaling.handlers.call import Call, Handler
from server.signaling.resume import ResumeClaims


async def join(call: Call) -> RoomJoined:
    """No await after the rooms' ``join``: its subscription must not overtake this answer on the wire."""
    session = call.session
    arrival = await call.rooms.seats.join(
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
    return RoomJoined(
        participant_id=seat.participant_id,
        resume_token=call.tokens.make(claims),
        grants=seat.grants(),
        revision=arrival.revision,
        server_ms=call.clock.now_ms(),
        snapshot=arrival.snapshot,
        missed=arrival.missed,  # type: ignore[arg-type]  # every numbered event is one of AnyRoomEvent
    )


async def leave(call: Call) -> None:
    await call.rooms.seats.leave(call.room, call.who)
    with suppress(AppError):  # gone either way; the worker notices by itself
        await call.rooms.media.close_transport(call.room, call.who.participant_id)


HANDLERS: dict[type, Handler] = {RoomJoin: join, RoomLeave: leave}
