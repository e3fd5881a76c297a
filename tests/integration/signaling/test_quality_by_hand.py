"""A rung chosen by hand, at a real media worker: what comes, what everybody sees, and what the log says of it later."""

from __future__ import annotations

from server.record.reduced import reduced
from tests.integration.signaling.callers import Caller
from tests.integration.signaling.conftest import Phone
from tests.integration.signaling.guest import Guest, until
from tests.integration.signaling.house import House


def _rung(guest: Guest, participant_id: str) -> str:
    changed = [event["participant"] for event in guest.heard("participant.changed")]
    rungs = [who["quality"] for who in changed if who["participant_id"] == participant_id]
    return rungs[-1] if rungs else "full"


async def _watching(phone: Phone) -> tuple[Caller, Caller, Caller]:
    """A sender, one who will choose, and one who goes on seeing everything."""
    sender, one, other = await phone("n1"), await phone("n2"), await phone("host")
    await sender.call(publish=True)
    await sender.announce()
    for viewer in (one, other):
        await viewer.call(publish=False)
        await viewer.view(sender.camera)
        await viewer.receives(sender.camera, 25, "the picture flows")
    return sender, one, other


async def test_sound_only_by_hand_and_back(house: House, phone: Phone) -> None:
    sender, one, other = await _watching(phone)
    await one.guest.do("quality.choose", level="audio")
    await until(lambda: _rung(other.guest, one.guest.me) == "audio", "everybody sees the rung")
    await until(lambda: bool(one.guest.heard("slots.changed")), "the slot is paused")
    assert one.guest.heard("slots.changed")[-1]["slots"][0]["paused"] is True
    await other.receives(sender.camera, 25, "the other still sees the picture")
    pictures, everything = await one.received(sender.camera), await one.received_at_all()
    await other.receives(sender.camera, 50, "the other still sees the picture")
    assert await one.received(sender.camera) == pictures
    assert await one.received_at_all() > everything  # the sound goes on
    await one.guest.do("quality.choose", level=None)
    await one.receives(sender.camera, 25, "the picture is back")
    await until(lambda: _rung(other.guest, one.guest.me) == "full", "everybody sees that it is")
    events = await house.services.log.read("m")
    assert list(reduced(events, 0, house.clock.now_ms())) == ["n2"]
    assert [event.type for event in events].count("quality_chosen") == 2


async def test_a_chosen_rung_stays_through_a_new_connection(phone: Phone) -> None:
    sender, one, other = await _watching(phone)
    await one.guest.do("quality.choose", level="text")
    await until(lambda: _rung(other.guest, one.guest.me) == "text", "everybody sees the rung")
    again = await one.again(publish=False)
    await again.view(sender.camera)
    await other.receives(sender.camera, 50, "the other still sees the picture")
    before = await again.received_at_all()
    await other.receives(sender.camera, 50, "the other still sees the picture")
    assert await again.received_at_all() == before
    await again.hang_up()
