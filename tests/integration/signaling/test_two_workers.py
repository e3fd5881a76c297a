"""A media worker is killed: its room goes on at another one, and the other's room loses nothing. Real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.integration.signaling.callers import Caller, MediaProcesses
from tests.integration.signaling.guest import Guest, until
from tests.integration.signaling.house import House, furnish_meeting

BACK_WITHIN_S = 4  # as promised


@pytest.fixture
async def workers(house: House, tmp_path: Path) -> AsyncIterator[MediaProcesses]:
    processes = MediaProcesses(house, tmp_path)
    for worker_id in ("media-0", "media-1"):
        await processes.start(worker_id)
    yield processes
    await processes.stop()


async def _pair(house: House, meeting_id: str) -> tuple[Caller, Caller]:
    """Who watches, and who sends."""
    callers = [
        Caller(await Guest(house.url).enter(house.ticket(member_id, meeting_id))) for member_id in ("host", "n1")
    ]
    watching, sending = callers
    await sending.call(publish=True)
    await sending.announce()
    await watching.call(publish=False)
    await watching.view(sending.camera)
    await watching.receives(sending.camera, 25, "the picture flows")
    return watching, sending


def _is_moved(caller: Caller) -> bool:
    return bool(caller.guest.heard("media.moved"))


async def test_a_killed_worker_moves_its_room_and_disturbs_no_other(
    house: House, tmp_path: Path, workers: MediaProcesses
) -> None:
    await furnish_meeting(tmp_path, "m2")
    host, member = await _pair(house, "m")
    other_host, other_member = await _pair(house, "m2")
    assert host.media_port == member.media_port != other_host.media_port
    begin = await other_host.received(other_member.camera)
    await workers.kill(workers.at(host.media_port))
    for caller in (host, member):
        await until(partial(_is_moved, caller), "told of the move", BACK_WITHIN_S)
    back, sending = await host.again(publish=False), await member.again(publish=True)
    assert back.media_port == sending.media_port == other_host.media_port
    await back.view(sending.camera)
    await back.receives(sending.camera, 25, "the picture is back on the other worker")
    assert sending.guest.me == member.guest.me
    assert not back.guest.heard("participant.left")
    received = await other_host.received(other_member.camera)
    assert received > begin
    await other_host.receives(other_member.camera, 25, "the other room goes on")
    assert await other_host.lost(other_member.camera) == 0
    assert not other_host.guest.heard("media.moved")
    for caller in (back, sending, other_host, other_member):
        await caller.hang_up()
        await caller.guest.close()


async def test_a_restarted_worker_takes_new_rooms_again(house: House, tmp_path: Path, workers: MediaProcesses) -> None:
    await furnish_meeting(tmp_path, "m2")
    host, member = await _pair(house, "m")
    empty = ({"media-0", "media-1"} - {workers.at(host.media_port)}).pop()
    await workers.kill(empty)
    await until(lambda: house.services.media.count == 1, "the loss is noticed")
    await workers.start(empty)
    other_host, other_member = await _pair(house, "m2")
    assert workers.at(other_host.media_port) == empty
    assert not host.guest.heard("media.moved")
    await host.receives(member.camera, 25, "the first room goes on")
    for caller in (host, member, other_host, other_member):
        await caller.hang_up()
        await caller.guest.close()
