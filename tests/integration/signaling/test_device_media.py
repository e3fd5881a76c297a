"""Encoders and players with real media: seen like a participant, over a restart of the server, and gone at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from server.rooms.participant import Participant
from server.rooms.room import Room
from tests.integration.signaling.callers import Caller, MediaProcesses
from tests.integration.signaling.guest import Guest, until
from tests.integration.signaling.house import House, furnish


class HttpSide:
    """Stands where the HTTP side of WHIP and WHEP is: a device without a socket."""

    def __init__(self, house: House, room: Room, device: Participant) -> None:
        self._house = house
        self._room = room
        self.device = device

    @property
    def me(self) -> str:
        return self.device.participant_id

    async def do(self, _command: str, sdp: str) -> dict[str, Any]:
        return {"sdp": (await self._house.services.rooms.devices.offer(self._room, self.device, sdp)).sdp}


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[tuple[House, MediaProcesses]]:
    await furnish(tmp_path)
    house = House(tmp_path)
    await house.start()
    workers = MediaProcesses(house, tmp_path)
    await workers.start("media-0")
    yield house, workers
    await workers.stop()
    await house.stop()


async def _plug_in(house: House, kind: Any) -> Caller:
    room = await house.services.rooms.enter("m")
    device = await house.services.rooms.devices.join_device(room, "host", kind, "礼堂")
    return Caller(cast(Guest, HttpSide(house, room, device)))


async def test_an_encoder_is_seen_through_a_restart_of_the_server_and_gone_when_it_leaves(
    started: tuple[House, MediaProcesses],
) -> None:
    house, _ = started
    encoder = await _plug_in(house, "encoder")
    await encoder.call(publish=True, slots=0)
    member = Caller(await Guest(house.url).enter(house.ticket("n1")))
    await member.call(publish=True)
    await member.announce()
    await member.view(encoder.camera)
    await member.receives(encoder.camera, 25, "the encoder's picture flows")

    await house.stop()
    await member.receives(encoder.camera, 25, "it flows without the server")
    await house.start()
    await until(lambda: house.services.media.count == 1, "the worker is back", 20)
    await member.receives(encoder.camera, 25, "it flows with its successor")
    rooms = house.services.rooms
    room = rooms.get("m")
    assert room is not None
    assert rooms.devices.find(room, encoder.guest.me).device == "encoder"

    await rooms.devices.leave_device(room, encoder.guest.me)
    before = await member.received(encoder.camera)
    sound = await member.received_at_all()
    back = Guest(house.url)
    assert await back.connect(resume_token=member.guest.joined["resume_token"]), back.refusal
    assert [p["participant_id"] for p in (await back.join())["snapshot"]["participants"]] == [back.me]
    watcher = Caller(await Guest(house.url).enter(house.ticket("n2")))
    await watcher.call(publish=False)
    await watcher.view(member.camera)
    await watcher.receives(member.camera, 50, "the lesson goes on")
    assert await member.received(encoder.camera) - before <= 25
    assert await member.received_at_all() - sound <= 75
    for caller in (encoder, member, watcher):
        await caller.hang_up()
    await watcher.guest.close()
    await back.close()


async def test_a_player_gets_the_stage_without_asking_and_follows_the_pin(
    started: tuple[House, MediaProcesses],
) -> None:
    house, _ = started
    host = Caller(await Guest(house.url).enter(house.ticket("host")))
    other = Caller(await Guest(house.url).enter(house.ticket("n1")))
    for caller in (host, other):
        await caller.call(publish=True)
        await caller.announce()
    player = await _plug_in(house, "player")
    await player.call(publish=False, slots=1)
    player.name_slot("the stage")
    await player.receives("the stage", 25, "the player sees the stage")
    await host.guest.do("stage.pin", publication_id=other.camera)
    await player.receives("the stage", 50, "and goes on seeing it")
    await host.guest.do("participant.remove", participant_id=other.guest.me)
    await player.receives("the stage", 50, "and the next one when the pinned is gone")
    await house.services.rooms.devices.leave_device(await house.services.rooms.enter("m"), player.guest.me)
    for caller in (player, host, other):
        await caller.hang_up()
    await host.guest.close()
    await other.guest.close()
