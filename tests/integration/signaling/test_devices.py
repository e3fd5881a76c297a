"""Several devices and tabs of one person: who speaks, who only watches, and that nobody is counted twice."""

from __future__ import annotations

import json
from typing import Any

from media import control
from tests.integration.signaling.conftest import Arrive
from tests.integration.signaling.guest import Guest, MediaPeer, until
from tests.integration.signaling.house import House


async def _watch(house: House, member_id: str, device: str = "phone") -> Guest:
    guest = Guest(house.url)
    assert await guest.connect(ticket=house.ticket(member_id, device=device), companion=True, device=device)
    await guest.join()
    return guest


def _people(guest: Guest) -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = guest.joined["snapshot"]["participants"]
    return people


async def test_a_second_device_watches_beside_the_first_and_may_do_nothing_else(house: House, arrive: Arrive) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    host, desk = await arrive("host"), await arrive("n1")
    assert house.services.rooms.seat_held_on("m", "n1") == "desktop"
    assert house.services.rooms.seat_held_on("m", "n2") is None
    await host.do("meeting.start")
    phone = await _watch(house, "n1")
    assert phone.joined["companion"] is True
    assert phone.joined["resume_token"] == ""
    assert not any(phone.joined["grants"].values())
    assert [(p["device"], p["companion_of"]) for p in _people(phone) if p["member_id"] == "n1"] == [
        ("desktop", None),
        ("phone", desk.me),
    ]
    await phone.do("transport.offer", sdp="v=0")
    assert worker.called("transport.offer")[-1]["grants"] == {"audio": False, "video": False, "screen": False}
    assert worker.called("transport.offer")[-1]["participant_id"] == phone.me != desk.me
    await phone.do("view.set", pictures=[])
    await phone.do("quality.choose", level="stage")
    for command, fields in (
        ("sign_in.self", {}),
        ("remark.post", {"text": "x"}),
        ("hand.raise", {}),
        ("publication.add", {"source": "microphone"}),
        ("participant.mute", {"participant_id": host.me}),
    ):
        assert await phone.refused(command, **fields) == "companion", command
    assert not desk.heard("room.closed")
    await desk.do("sign_in.self")
    await until(lambda: bool(phone.heard("roll.changed")), "the second device sees the sign-in")
    assert phone.heard("roll.changed")[-1]["signed_in"] == 1
    await phone.close()
    await until(lambda: bool(host.heard("participant.left")), "it leaves with its socket")
    assert host.heard("participant.left")[0]["participant_id"] == phone.me
    await until(lambda: bool(worker.called("transport.close")), "its media path ends")
    assert worker.called("transport.close")[0]["participant_id"] == phone.me
    log = [(event.type, json.loads(event.payload)) for event in await house.services.log.read("m")]
    assert [type_ for type_, payload in log if payload.get("member_id") == "n1"] == [
        "joined",
        "companion_joined",
        "signed_in",
        "companion_left",
    ]
    await worker.close()


async def test_speaking_on_the_other_device_takes_the_seat_and_the_first_may_watch(
    house: House, arrive: Arrive
) -> None:
    host, desk = await arrive("host"), await arrive("n1")
    await desk.do("hand.raise")
    phone = await _watch(house, "n1")
    speaking = await Guest(house.url).enter(house.ticket("n1", device="phone"))
    assert speaking.me == desk.me
    await phone.close()
    await until(lambda: bool(desk.heard("room.closed")), "the first device is told")
    assert desk.heard("room.closed")[0]["code"] == "replaced"
    assert [hand["participant_id"] for hand in speaking.joined["snapshot"]["hands"]] == [speaking.me]
    watching = await _watch(house, "n1", "desktop")
    assert not speaking.heard("room.closed")
    assert {p["participant_id"]: p["companion_of"] for p in _people(watching)} == {
        host.me: None,
        speaking.me: None,
        watching.me: speaking.me,
    }
    for guest in (speaking, watching):
        await guest.close()


async def test_answers_are_kept_for_who_is_here_and_for_what_may_not_be_done_twice(
    house: House, arrive: Arrive
) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    desk = await arrive("n1")
    phone = await _watch(house, "n1")
    for guest in (desk, phone):
        await guest.do("transport.offer", sdp="v=0")
        await guest.do("view.set", pictures=[])
    kept = house.gateway._dispatcher._acks
    assert {participant_id for _, participant_id in kept} == {desk.me, phone.me}
    assert all(len(acks._answers) == 1 for acks in kept.values())
    await phone.close()
    room = house.services.rooms.get("m")
    assert room is not None
    await until(lambda: not room.companions, "the second device has left")
    await house.gateway.sweep()
    assert {participant_id for _, participant_id in kept} == {desk.me}
    await worker.close()


async def test_two_tabs_of_one_browser_are_one_participant(house: House, arrive: Arrive) -> None:
    host, first = await arrive("host"), await arrive("n1")
    second = await arrive("n1")
    assert second.me == first.me
    assert len(_people(second)) == 2
    await until(lambda: bool(first.heard("room.closed")), "the first tab is told")
    assert not host.heard("participant.left")
    stale = Guest(house.url)
    assert not await stale.connect(resume_token=first.joined["resume_token"])


async def test_a_companion_without_a_seat_is_refused_and_one_whose_seat_left_stays(
    house: House, arrive: Arrive
) -> None:
    early = Guest(house.url)
    assert await early.connect(ticket=house.ticket("n1"), companion=True)
    assert await early.refused("room.join") == "conflict"
    await early.close()
    desk = await arrive("n1")
    phone = await _watch(house, "n1")
    await desk.do("room.leave")
    await until(lambda: bool(phone.heard("participant.left")), "the second device hears that its seat is gone")
    assert phone.heard("participant.left")[0]["participant_id"] == desk.me
    assert phone.sio.connected
    await phone.close()


async def test_a_removed_member_is_out_with_every_device(house: House, arrive: Arrive) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    host, desk = await arrive("host"), await arrive("n1")
    phone = await _watch(house, "n1")
    for device in (desk, phone):
        await device.do("transport.offer", sdp="v=0")
    room = house.services.rooms.get("m")
    assert room is not None
    encoder = await house.services.rooms.devices.join_device(room, "n1", "encoder")
    await house.services.rooms.devices.offer(room, encoder, "v=0")
    await host.do("participant.remove", participant_id=desk.me)
    await until(lambda: bool(phone.heard("room.closed")), "the second device is told")
    assert phone.heard("room.closed")[0]["code"] == "removed"
    closed = {call["participant_id"] for call in worker.called("transport.close")}
    assert closed == {desk.me, phone.me, encoder.participant_id}
    again = Guest(house.url)
    assert not await again.connect(ticket=house.ticket("n1"), companion=True)
    await worker.close()


async def test_the_host_sends_a_single_second_device_away(house: House, arrive: Arrive) -> None:
    host, desk = await arrive("host"), await arrive("n1")
    phone = await _watch(house, "n1")
    await host.do("participant.remove", participant_id=phone.me)
    await until(lambda: bool(phone.heard("room.closed")), "the second device is told")
    assert not desk.heard("room.closed")
    await desk.do("hand.raise")


async def test_an_encoder_is_seen_like_a_participant_and_ends_with_the_meeting(house: House, arrive: Arrive) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    host = await arrive("host")
    await host.do("meeting.start")
    rooms = house.services.rooms
    room = await rooms.enter("m")
    encoder = await rooms.devices.join_device(room, "host", "encoder", "礼堂")
    await rooms.devices.offer(room, encoder, "v=0")
    player = await rooms.devices.join_device(room, "host", "player")
    await rooms.devices.offer(room, player, "v=0")
    camera = f"{encoder.participant_id}:camera"
    await worker.say(control.PublicationMedia(room_id="m", publication_id=camera, flowing=True, codec="H264"))
    await until(lambda: bool(host.heard("publication.changed")), "its picture flows")
    assert [p["publication"]["source"] for p in host.heard("publication.added")] == ["microphone", "camera"]
    assert host.heard("participant.joined")[0]["participant"]["device"] == "encoder"
    await until(lambda: bool(worker.called("view.set")[-1]["pictures"]), "the player sees the stage")
    assert worker.called("view.set")[-1]["pictures"][0]["publication_id"] == camera
    await host.do("participant.mute", participant_id=encoder.participant_id)
    silenced = {"audio": False, "video": True, "screen": False}
    assert worker.called("grants.set")[-1] == {
        "room_id": "m",
        "participant_id": encoder.participant_id,
        "grants": silenced,
    }
    await host.do("meeting.end")
    await until(lambda: len(worker.called("transport.close")) == 2, "both media paths end")
    assert room.companions == {}
    await worker.close()
