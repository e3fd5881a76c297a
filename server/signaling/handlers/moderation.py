"""The host and another participant: mute, take what it publishes, remove, readmit."""

from __future__ import annotations

from contextlib import suppress

from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.commands import ParticipantAllow, ParticipantMute, ParticipantReadmit, ParticipantRemove
from server.protocol.events import RoomClosed
from server.protocol.models import Publishing
from server.signaling.handlers.call import Call, Handler


async def mute(call: Call) -> None:
    """An encoder has no page that could be asked: its sound is taken from it, and may be given back."""
    participant_id = call.command.participant_id
    if (device := call.room.companions.get(participant_id)) is None:
        await call.rooms.conduct.mute_other(call.room, call.who, participant_id)
        return
    allowed: list[Publishing] = [] if "video" in device.withheld else ["video"]
    await call.rooms.conduct.allow(call.room, call.who, participant_id, allowed)
    await call.rooms.media.enforce_grants(call.room, device)


async def allow(call: Call) -> None:
    """Asked again: the media worker is told again."""
    command = call.command
    wishes: dict[Publishing, bool] = {"audio": command.audio, "video": command.video, "screen": command.screen}
    allowed = [kind for kind, is_allowed in wishes.items() if is_allowed]
    target = await call.rooms.conduct.allow(call.room, call.who, command.participant_id, allowed)
    await call.rooms.media.enforce_grants(call.room, target)


async def remove(call: Call) -> None:
    """The media path ends with the seat; a member's second devices go with it, one of them goes alone."""
    rooms, room, participant_id = call.rooms, call.room, call.command.participant_id
    farewell = RoomClosed(code=ErrorCode.REMOVED, reason="removed")
    if companion := room.companions.get(participant_id):
        await rooms.companions.end(room, companion, "removed", farewell)
        return
    await rooms.seats.remove(room, call.who, participant_id)
    with suppress(AppError):
        await rooms.media.close_transport(room, participant_id)
    await rooms.companions.end_of_member(room, room.participants[participant_id].member_id, "removed", farewell)


async def readmit(call: Call) -> None:
    await call.rooms.seats.readmit(call.room, call.who, call.command.member_id)


HANDLERS: dict[type, Handler] = {
    ParticipantMute: mute,
    ParticipantAllow: allow,
    ParticipantRemove: remove,
    ParticipantReadmit: readmit,
}
