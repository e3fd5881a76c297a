"""Who vanishes is soon seen to be unstable, then away, and leaves no ghost; who comes back is the same participant with
unbroken attendance. A real media worker, real sockets, real time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from server.record.attendance import Attendance, RollMember, attendance
from server.record.rules import PresenceRule
from tests.integration.signaling.callers import Caller
from tests.integration.signaling.conftest import Phone
from tests.integration.signaling.guest import Guest, until
from tests.integration.signaling.house import House

# Six and fifteen seconds are promised; the rest is for a machine that has more to do.
UNSTABLE_S, AWAY_S, MARGIN_S = 6, 15, 4


def _presences(guest: Guest, participant_id: str) -> list[str]:
    changed = [event["participant"] for event in guest.heard("participant.changed")]
    return [who["presence"] for who in changed if who["participant_id"] == participant_id]


async def _attendance(house: House, member_id: str, until_ms: int) -> Attendance:
    events = await house.services.log.read("m")
    member = RollMember(member_id, member_id, "full", "member", None, has_vote=True, counted=True)
    (row,) = attendance([event for event in events if event.at_ms <= until_ms], [member], PresenceRule(bridge_ms=0))
    return row


async def _sending(phone: Phone, member_id: str) -> Caller:
    caller = await phone(member_id)
    await caller.call(publish=True)
    await caller.announce()
    return caller


async def _come_back(caller: Caller) -> Guest:
    guest = Guest(caller.guest.url)
    assert await guest.connect(resume_token=caller.guest.joined["resume_token"]), guest.refusal
    await guest.join()
    return guest


async def test_who_vanishes_is_unstable_then_gone_without_a_ghost(house: House, phone: Phone) -> None:
    """One with sound and picture, and one who has a socket alone."""
    host, one, plain = await _sending(phone, "host"), await _sending(phone, "n1"), await phone("n2")
    await host.view(one.camera)
    await host.receives(one.camera, 10, "the picture flows")
    gone = {one.guest.me, plain.guest.me}
    for guest in (one.guest, plain.guest):
        await guest.do("hand.raise")  # a sign of life after joining: who gives none was there for no time at all
    one.vanish()
    plain.guest.vanish()
    vanished_ms = house.clock.now_ms()
    await until(
        lambda: all("unstable" in _presences(host.guest, who) for who in gone), "unstable", UNSTABLE_S + MARGIN_S
    )
    assert house.clock.now_ms() - vanished_ms > 3_000  # not because a socket was closed
    await until(lambda: len(host.guest.heard("participant.left")) == 2, "away", AWAY_S - UNSTABLE_S + MARGIN_S)
    left = host.guest.heard("participant.left")
    assert {(event["participant_id"], event["reason"]) for event in left} == {(who, "lost") for who in gone}
    for member_id in ("n1", "n2"):
        row = await _attendance(house, member_id, house.clock.now_ms())
        assert row.left_ms is not None
        assert abs(row.left_ms - vanished_ms) < 5_000  # it ends with the last sign of life, not when it was noticed
    late = await phone("lect")
    assert [p["participant_id"] for p in _people(late)] == [host.guest.me, late.guest.me]
    assert {p["participant_id"] for p in late.guest.joined["snapshot"]["publications"]} == {host.guest.me}
    back = await _come_back(one)
    assert back.me == one.guest.me
    await back.close()


async def test_who_comes_back_in_time_never_left(house: House, phone: Phone) -> None:
    host, one = await _sending(phone, "host"), await _sending(phone, "n1")
    await one.guest.do("sign_in.self")
    vanished_ms = house.clock.monotonic_ms()
    one.vanish()
    await until(lambda: "unstable" in _presences(host.guest, one.guest.me), "unstable", UNSTABLE_S + MARGIN_S)
    assert house.clock.monotonic_ms() - vanished_ms > 4_000  # not because its socket was closed
    again = Caller(await _come_back(one))
    assert again.guest.me == one.guest.me
    await again.call(publish=True)
    await host.view(again.camera)
    await host.receives(again.camera, 25, "the picture is back on the same seat")
    await until(lambda: _presences(host.guest, again.guest.me)[-1] == "present", "present again")
    assert not host.guest.heard("participant.left")
    assert [p["participant_id"] for p in _people(again)].count(again.guest.me) == 1
    row = await _attendance(house, "n1", house.clock.now_ms())
    assert len(row.presence) == 1
    log = [(event.type, json.loads(event.payload)) for event in await house.services.log.read("m")]
    mine = [type_ for type_, payload in log if payload.get("participant_id") == again.guest.me]
    assert mine.count("joined") == 1
    assert "left" not in mine
    await again.hang_up()
    await again.guest.close()


async def test_speaking_on_another_device_moves_sound_and_picture_there(house: House, phone: Phone) -> None:
    host, desk = await _sending(phone, "host"), await _sending(phone, "n1")
    await host.view(desk.camera)
    await host.receives(desk.camera, 25, "the desk is seen")
    pocket = await _sending(phone, "n1")
    assert pocket.guest.me == desk.guest.me
    await host.receives(pocket.camera, 50, "the phone is seen on the same seat")
    await until(lambda: not desk.guest.sio.connected, "the desk's connection is ended")
    await _is_cut_off(desk)
    assert not host.guest.heard("participant.left")
    assert [p["participant_id"] for p in _people(pocket)] == [host.guest.me, pocket.guest.me]


async def _is_cut_off(caller: Caller) -> None:
    """Until nothing comes any more for a while: half a second of its own sound would be 25 packets."""
    end = asyncio.get_running_loop().time() + 20
    while True:
        before = await caller.received_at_all()
        await asyncio.sleep(0.5)
        if await caller.received_at_all() == before:
            return
        assert asyncio.get_running_loop().time() < end, "the first device still gets media"


def _people(caller: Caller) -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = caller.guest.joined["snapshot"]["participants"]
    return people
