"""Media: the way to it, the offer, what is published, what is looked at and how well."""

from __future__ import annotations

from server.auth.turn import TTL_S
from server.protocol.commands import (
    IceServers,
    IceServersAnswered,
    PublicationAdd,
    PublicationMute,
    PublicationRemove,
    QualityChoose,
    TransportAnswered,
    TransportOffer,
    ViewAnswered,
    ViewSet,
)
from server.signaling.handlers.call import Call, Handler


async def offer(call: Call) -> TransportAnswered:
    answer = await call.rooms.media.offer(call.room, call.who, call.command.sdp)
    return TransportAnswered(sdp=answer.sdp, sources=answer.sources, slots=answer.slots)


async def add(call: Call) -> None:
    await call.rooms.conduct.publish(call.room, call.who, call.command.source, muted=call.command.muted)


async def mute(call: Call) -> None:
    await call.rooms.conduct.mute(call.room, call.who, call.command.source, muted=call.command.muted)


async def remove(call: Call) -> None:
    await call.rooms.conduct.unpublish(call.room, call.who, call.command.source)
    await call.rooms.media.withdraw(call.room, call.who, call.command.source)


async def view(call: Call) -> ViewAnswered:
    return ViewAnswered(slots=await call.rooms.media.set_view(call.room, call.who, call.command.pictures))


async def choose_quality(call: Call) -> None:
    await call.rooms.quality.choose(call.room, call.who, call.command.level)


async def ice_servers(call: Call) -> IceServersAnswered:
    return IceServersAnswered(servers=call.turn.for_participant(call.who.participant_id), ttl_s=TTL_S)


HANDLERS: dict[type, Handler] = {
    TransportOffer: offer,
    PublicationAdd: add,
    PublicationMute: mute,
    PublicationRemove: remove,
    ViewSet: view,
    QualityChoose: choose_quality,
    IceServers: ice_servers,
}
