"""Who may not be in, or may not publish, has no media path: with a real media worker, packets counted by the others."""

from __future__ import annotations

import asyncio

from tests.integration.signaling.callers import Caller
from tests.integration.signaling.conftest import Phone
from tests.integration.signaling.guest import Guest, until
from tests.integration.signaling.house import House

# Of 25 pictures a second: a second's worth may still be on its way, and three more seconds prove that it was the end.
SECOND, LONGER = 25, 75


async def _lesson(phone: Phone) -> tuple[Caller, Caller, Caller]:
    """The host watches two members who both send."""
    host, one, two = await phone("host"), await phone("n1"), await phone("n2")
    for caller in (one, two):
        await caller.call(publish=True)
        await caller.announce()
    await host.call(publish=False)
    await host.view(one.camera, two.camera)
    for caller in (one, two):
        await host.receives(caller.camera, SECOND, "the pictures flow")
    return host, one, two


async def _silent(host: Caller, gone: Caller, other: Caller) -> None:
    """A second of grace, and from then on not one packet, while the other's go on."""
    at_once = await host.received(gone.camera)
    await host.receives(other.camera, SECOND, "the other's pictures go on")
    later = await host.received(gone.camera)
    assert later - at_once <= SECOND
    await host.receives(other.camera, LONGER, "the other's pictures go on")
    assert await host.received(gone.camera) == later


async def _nothing_of(mute: Caller, host: Caller, other: Caller) -> None:
    """In the slot that is kept for it; another publication may have been in it before."""
    await host.receives(other.camera, SECOND, "the other's pictures go on")
    before = await host.received(mute.camera)
    await host.receives(other.camera, LONGER, "the other's pictures go on")
    assert await host.received(mute.camera) == before


async def test_a_removed_participant_sends_and_gets_nothing_any_more(phone: Phone) -> None:
    host, one, two = await _lesson(phone)
    await one.view(two.camera)
    await one.receives(two.camera, SECOND, "he sees the other")
    await host.guest.do("participant.remove", participant_id=one.guest.me)
    got = await one.received_at_all()
    await _silent(host, one, two)
    assert await one.received_at_all() - got <= 4 * SECOND  # sound and picture of a second, which were on their way
    got = await one.received_at_all()
    await host.receives(two.camera, SECOND, "the lesson goes on")
    assert await one.received_at_all() == got
    await until(lambda: not one.guest.sio.connected, "his connection is ended")


async def test_what_was_taken_is_not_forwarded_whatever_the_client_sends(phone: Phone) -> None:
    host, one, two = await _lesson(phone)
    take = {"participant_id": one.guest.me, "audio": True, "screen": False}
    await host.guest.do("participant.allow", **take, video=False)
    await _silent(host, one, two)
    await one.guest.do("transport.offer", sdp=one.pc.localDescription.sdp)  # tries again
    await _silent(host, one, two)
    await host.guest.do("participant.allow", **take, video=True)
    await host.receives(one.camera, SECOND, "what was given back flows again")


async def test_in_the_lobby_there_is_no_media(house: House, phone: Phone) -> None:
    host, _, two = await _lesson(phone)
    lobby = Caller(Guest(house.url))
    assert await lobby.guest.connect(ticket=house.ticket("lect"))
    assert await lobby.guest.refused("transport.offer", sdp=two.pc.localDescription.sdp) == "not_joined"
    assert await lobby.guest.refused("view.set", pictures=[{"publication_id": two.camera}]) == "not_joined"
    assert await lobby.guest.refused("publication.add", source="camera") == "not_joined"
    await host.receives(two.camera, SECOND, "the lesson goes on")
    assert not host.guest.heard("participant.joined") or all(
        event["participant"]["member_id"] != "lect" for event in host.guest.heard("participant.joined")
    )
    await lobby.hang_up()
    await lobby.guest.close()


async def test_a_second_device_gets_everything_and_sends_nothing(house: House, phone: Phone) -> None:
    host, one, two = await _lesson(phone)
    second = Caller(Guest(house.url))
    assert await second.guest.connect(ticket=house.ticket("n1"), companion=True, device="phone")
    await second.guest.join()
    await second.call(publish=True)  # though it may not
    await second.view(two.camera, one.camera)
    await second.receives(two.camera, SECOND, "the second device sees the other")
    await second.receives(one.camera, SECOND, "and what its own seat sends")
    await host.view(one.camera, second.camera)
    await _nothing_of(second, host, one)
    await second.hang_up()
    await second.guest.close()
    await until(lambda: bool(host.guest.heard("participant.left")), "it is gone with its socket")
    await host.receives(one.camera, SECOND, "the seat's pictures go on")


async def test_a_participant_who_leaves_while_the_worker_is_asked_has_no_path(phone: Phone) -> None:
    one = await phone("n1")
    offer = asyncio.create_task(one.call(publish=True))
    await one.guest.ask("room.leave")
    await asyncio.gather(offer, return_exceptions=True)
    host = await phone("host")
    await host.call(publish=False)
    two = await phone("n2")
    await two.call(publish=True)
    await host.view(one.camera, two.camera)
    await _nothing_of(one, host, two)
