"""What stands on the record: sign-ins, remarks, hands and the floor."""

from __future__ import annotations

from server.protocol.commands import (
    FloorEnd,
    FloorGive,
    HandLower,
    HandRaise,
    RemarkPost,
    RemarkPosted,
    SignedIn,
    SignIn,
    SignInProxy,
)
from server.signaling.handlers.call import Call, Handler


async def sign_in(call: Call) -> SignedIn:
    return SignedIn(entry=await call.rooms.conduct.sign_in(call.room, call.who))


async def sign_in_proxy(call: Call) -> SignedIn:
    return SignedIn(entry=await call.rooms.conduct.sign_in_proxy(call.room, call.who, call.command.member_id))


async def remark(call: Call) -> RemarkPosted:
    command = call.command
    posted = await call.rooms.conduct.post_remark(call.room, call.who, command.text, command.request_id)
    return RemarkPosted(remark=posted)


async def raise_hand(call: Call) -> None:
    await call.rooms.conduct.raise_hand(call.room, call.who)


async def lower_hand(call: Call) -> None:
    await call.rooms.conduct.lower_hand(call.room, call.who, call.command.participant_id)


async def give_floor(call: Call) -> None:
    command = call.command
    await call.rooms.conduct.give_floor(call.room, call.who, command.participant_id, command.request_id)


async def end_floor(call: Call) -> None:
    await call.rooms.conduct.end_floor(call.room, call.who)


HANDLERS: dict[type, Handler] = {
    SignIn: sign_in,
    SignInProxy: sign_in_proxy,
    RemarkPost: remark,
    HandRaise: raise_hand,
    HandLower: lower_hand,
    FloorGive: give_floor,
    FloorEnd: end_floor,
}
