"""Real Chromium sends its camera in three layers; what a viewer gets is judged by the viewer's own getStats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser

from media import control
from tests.integration.media.browser_page import BrowserClient, chromium
from tests.integration.media.control_server import ControlServer, until
from tests.machine_load import programs_per_core

pytestmark = [pytest.mark.integration, pytest.mark.browser]
Enter = Callable[[str], Awaitable[BrowserClient]]
CAMERA = "alice:camera"
_SET_ACTIVE = """async rids => {
  const parameters = cam.sender.getParameters();
  for (const each of parameters.encodings) each.active = rids.includes(each.rid ?? '');
  await cam.sender.setParameters(parameters);
}"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
async def enter(server: ControlServer, worker: asyncio.subprocess.Process, browser: Browser) -> Enter:
    await server.call(control.RoomOpen(room_id="r"))

    async def open_page(participant_id: str) -> BrowserClient:
        page = await browser.new_page()
        await page.goto(server.url + "/page")
        return BrowserClient(page, server, "r", participant_id)

    return open_page


@asynccontextmanager
async def obeying(publisher: BrowserClient) -> AsyncIterator[list[list[str]]]:
    """The page does what the protocol says: encodings that are not wanted are switched off. Yields what it was told."""
    told: list[list[str]] = []

    async def obey() -> None:
        while True:
            wishes = publisher.server.seen("publication.layers_wanted", publication_id=CAMERA)
            for wish in wishes[len(told) :]:
                told.append(wish["rids"])
                await publisher.page.evaluate(_SET_ACTIVE, wish["rids"])
            await asyncio.sleep(0.01)

    task = asyncio.create_task(obey())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def look(viewer: BrowserClient, height_px: int) -> None:
    picture = control.WantedPicture(publication_id=CAMERA, height_px=height_px)
    await viewer.server.call(control.ViewSet(room_id="r", participant_id=viewer.id, pictures=(picture,)))


async def picture_of(viewer: BrowserClient) -> dict[str, Any]:
    for item in (await viewer.stats())["inbound"]:
        if item["kind"] == "video" and item.get("framesDecoded"):
            assert isinstance(item, dict)
            return item
    return {}


async def shows(viewer: BrowserClient, height: int, timeout_s: float = 10.0) -> dict[str, Any]:
    """Waits until the viewer decodes pictures of this height."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while (found := await picture_of(viewer)).get("frameHeight") != height:
        assert asyncio.get_running_loop().time() < deadline, f"{height} lines not seen but {found.get('frameHeight')}"
        await asyncio.sleep(0.05)
    return found


async def decodes_more(viewer: BrowserClient, frames: int, timeout_s: float = 10.0) -> dict[str, Any]:
    before = (await picture_of(viewer)).get("framesDecoded", 0)
    deadline = asyncio.get_running_loop().time() + timeout_s
    while (found := await picture_of(viewer)).get("framesDecoded", 0) < before + frames:
        assert asyncio.get_running_loop().time() < deadline, f"{frames} more frames not decoded"
        await asyncio.sleep(0.05)
    return found


async def sent(publisher: BrowserClient) -> dict[str, int]:
    """Frames by rid."""
    return {item["rid"]: item.get("framesSent", 0) for item in (await publisher.stats())["outbound"] if item.get("rid")}


@pytest.mark.parametrize("codec", ["video/H264", "video/VP8"])
async def test_the_size_of_the_picture_decides_and_no_switch_freezes(enter: Enter, codec: str) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join(simulcast=True, codec=codec)
    await bob.join()
    await alice.publish()
    await look(bob, 90)
    await shows(bob, 180)
    await decodes_more(bob, 20)
    began = await picture_of(bob)
    for height_px, lines in ((720, 720), (300, 360), (90, 180), (360, 360), (720, 720)):
        await look(bob, height_px)
        await shows(bob, lines)
        await decodes_more(bob, 10)
    ended = await picture_of(bob)
    assert ended["packetsLost"] == 0, "numbers go on without a hole"
    frozen_s = ended.get("totalFreezesDuration", 0) - began.get("totalFreezesDuration", 0)
    assert frozen_s < 0.5 * programs_per_core(), "five switches"
    assert ended["framesDecoded"] - began["framesDecoded"] >= 50
    assert ended.get("framesDropped", 0) <= 5


async def test_two_sizes_of_one_camera_at_the_same_time(enter: Enter) -> None:
    alice, bob, carol = await enter("alice"), await enter("bob"), await enter("carol")
    await alice.join(simulcast=True)
    for viewer in (bob, carol):
        await viewer.join()
    await alice.publish()
    await look(bob, 90)
    await look(carol, 720)
    await shows(bob, 180)
    await shows(carol, 720)
    await decodes_more(bob, 20)
    assert (await picture_of(bob))["frameHeight"] == 180


async def test_unused_layers_rest_and_come_back_at_once(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join(simulcast=True)
    await bob.join()
    async with obeying(alice) as told:
        await alice.publish()
        await look(bob, 90)
        await until(lambda: told[-1:] == [["q"]], "only the small layer is wanted")
        await shows(bob, 180)
        before = await sent(alice)
        await decodes_more(bob, 30)
        after = await sent(alice)
        assert after["q"] > before["q"]
        assert after["h"] - before["h"] <= 3 and after["f"] - before["f"] <= 3, "those under way"
        await look(bob, 720)
        await until(lambda: "f" in told[-1], "the large one is wanted as soon as the path is known to carry it")
        await shows(bob, 720)
        await server.call(control.ViewSet(room_id="r", participant_id="bob", pictures=()))
        await until(lambda: told[-1] == [], "nobody looks")
        resting = await sent(alice)
        counted = len(server.seen(control.WorkerStats.NAME))
        longer_than_silence = counted + 2  # every 5 s
        await until(lambda: len(server.seen(control.WorkerStats.NAME)) >= longer_than_silence, "statistics", 20)
        assert sum((await sent(alice)).values()) - sum(resting.values()) <= 9, "nothing is sent"
        assert not server.seen("publication.media", publication_id=CAMERA, flowing=False), "but it is still there"
        await look(bob, 360)
        await until(lambda: "q" in told[-1], "somebody looks again")
        await decodes_more(bob, 20)


async def test_a_single_encoding_begins_large_and_rests_as_well(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join()
    await bob.join()
    async with obeying(alice) as told:
        await alice.publish()
        await look(bob, 0)
        found = await decodes_more(bob, 5)
        assert found["frameHeight"] >= 360, "not the 180 lines that Chromium begins with"
        await server.call(control.ViewSet(room_id="r", participant_id="bob", pictures=()))
        await until(lambda: told[-1:] == [[]], "nobody looks")
        await look(bob, 0)
        await until(lambda: told[-1] == [""], "somebody looks again")
        await decodes_more(bob, 10)
