"""Between the rooms and the media plane: who left has no media path, however slow the worker is."""

from __future__ import annotations

import asyncio

from media.control import Grants, ParticipantMedia, QualityLevel, SlotInfo, SlotsChanged, TransportState
from server.protocol.codes import ErrorCode
from tests.unit.server.rooms.conftest import Hall
from tests.unit.server.rooms.test_conduct import code_of


async def test_who_is_removed_while_the_worker_answers_has_no_media_path(hall: Hall) -> None:
    plane, link = hall.plane, hall.media
    plane.answer.clear()
    host, member = await hall.sit("host"), await hall.sit("n1")
    refused = asyncio.create_task(code_of(link.offer(hall.room, member, "v=0")))
    await plane.asked.wait()
    await hall.seats.remove(hall.room, host, member.participant_id)
    await link.close_transport(hall.room, member.participant_id)  # comes too early
    plane.answer.set()
    assert await refused is ErrorCode.NOT_JOINED
    assert plane.transports == set()
    assert (await link.offer(hall.room, host, "v=0")).sdp == "v=0"
    assert plane.transports == {host.participant_id}


async def test_what_is_withheld_while_the_worker_answers_is_withheld_after_it(hall: Hall) -> None:
    plane, link = hall.plane, hall.media
    plane.answer.clear()
    host, member = await hall.sit("host"), await hall.sit("n1")
    offer = asyncio.create_task(link.offer(hall.room, member, "v=0"))
    await plane.asked.wait()
    await hall.conduct.allow(hall.room, host, member.participant_id, ["video"])
    plane.answer.set()
    await offer
    assert plane.grants[member.participant_id] == Grants(audio=False, video=True, screen=False)
    assert f"{member.participant_id}:microphone" in plane.ended


async def test_a_worker_that_does_not_take_a_grant_away_loses_the_transport(hall: Hall) -> None:
    plane, link = hall.plane, hall.media
    host, member = await hall.sit("host"), await hall.sit("n1")
    await link.offer(hall.room, member, "v=0")
    await hall.conduct.allow(hall.room, host, member.participant_id, [])
    plane.refuses = True
    await link.enforce_grants(hall.room, member)
    assert plane.transports == set()


async def test_a_worker_that_comes_back_hears_what_was_taken_meanwhile(hall: Hall) -> None:
    plane, link = hall.plane, hall.media
    plane.answer.clear()
    host, member, gone = await hall.sit("host"), await hall.sit("n1"), await hall.sit("n2")
    plane.transports |= {host.participant_id, member.participant_id, gone.participant_id}
    await hall.conduct.allow(hall.room, host, member.participant_id, ["audio"])
    await hall.seats.remove(hall.room, host, gone.participant_id)
    running = [ParticipantMedia(participant_id=who, state=TransportState.CONNECTED) for who in plane.transports]
    await link.handle_adopted(hall.room, tuple(running), lambda _: False)
    assert plane.transports == {host.participant_id, member.participant_id}
    assert plane.grants == {member.participant_id: Grants(audio=True, video=False, screen=False)}


async def test_a_chosen_rung_is_told_to_the_worker_with_every_offer(hall: Hall) -> None:
    plane, link = hall.plane, hall.media
    member = await hall.sit("n1")
    await link.offer(hall.room, member, "v=0")
    assert plane.caps == []
    await hall.quality.choose(hall.room, member, QualityLevel.AUDIO)
    await link.offer(hall.room, member, "v=0")
    assert plane.caps == [(member.participant_id, QualityLevel.AUDIO)] * 2
    await hall.enter("n1", "another device")
    await link.offer(hall.room, member, "v=0")
    assert plane.caps[-1] == (member.participant_id, None)


async def test_paused_slots_are_told_to_the_one_who_watches(hall: Hall) -> None:
    link = hall.media
    member = await hall.sit("n1")
    slots = (SlotInfo(mid="5", kind="video", publication_id="x:camera", paused=True),)
    link.handle_slots(hall.room, SlotsChanged(room_id="m", participant_id=member.participant_id, slots=slots))
    link.handle_slots(hall.room, SlotsChanged(room_id="m", participant_id="nobody", slots=slots))
    assert [(who, event.NAME) for who, event in hall.ears.told] == [("c-n1", "slots.changed")]
