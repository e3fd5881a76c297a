"""The host and another participant: mute, remove, readmit."""

from __future__ import annotations

from contextlib import suppress

from server.errors import AppError
from server.protocol.commands import ParticipantMute, ParticipantReadmit, ParticipantRemove
from server.signaling.handlers.call import Call, Handler


async def mute(call: Call) -> None:
    await call.rooms.conduct.mute_other(call.room, call.who, call.command.participant_id)


async def remove(call: Call) -> None:
    """The media path ends with the seat."""
    await call.rooms.seats.remove(call.room, call.who, call.command.participant_id)
    with suppress(AppError):
        await call.rooms.media.close_transport(call.room, call.command.participant_id)


async def readmit(call: Call) -> None:
    await call.rooms.seats.readmit(call.room, call.who, call.command.member_id)


HANDLERS: dict[type, Handler] = {ParticipantMute: mute, ParticipantRemove: remove, ParticipantReadmit: readmit}
