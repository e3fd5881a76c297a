"""Real Chromium as publisher and viewer of a real worker. What counts is what getStats says was decoded."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
from playwright.async_api import Browser

from media import control
from tests.integration.media.browser_page import BrowserClient, chromium
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import ControlServer, until
from tests.netsim.udp_relay import UdpRelay
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.browser]
Enter = Callable[[str], Awaitable[BrowserClient]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
async def enter(server: ControlServer, worker: asyncio.subprocess.Process, browser: Browser) -> Enter:
    """Opens a page for one participant of the open room "r"; joining is left to the test."""
    await server.call(control.RoomOpen(room_id="r"))

    return partial(opened, browser, server)


@pytest.fixture
async def relay() -> AsyncIterator[UdpRelay]:
    running = await UdpRelay.start()
    yield running
    await running.close()


async def opened(browser: Browser, server: ControlServer, participant_id: str) -> BrowserClient:
    page = await browser.new_page()
    await page.goto(server.url + "/page")
    return BrowserClient(page, server, "r", participant_id)


async def connected(client: BrowserClient) -> bool:
    return bool((await client.stats())["state"] == "connected")


async def eventually(figure: Callable[[], Awaitable[bool]], what: str, timeout_s: float = 20.0) -> None:
    """Polls the browser's figures."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await figure():
        assert asyncio.get_running_loop().time() < deadline, f"not seen within {timeout_s} s: {what}"
        await asyncio.sleep(0.1)


async def decodes(client: BrowserClient, more_than: int = 0, tracks: int = 1) -> bool:
    return sum(frames > more_than for frames in await client.inbound("video", "framesDecoded")) >= tracks


async def hears(client: BrowserClient, tracks: int = 1) -> bool:
    energies = await client.inbound("audio", "totalAudioEnergy")
    return sum(energy > 0.001 for energy in energies) >= tracks


async def test_h264_and_sound_reach_the_other_browser(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join()
    await bob.join()
    await alice.publish()
    assigned = await bob.view("alice:camera")
    assert [slot["publication_id"] for slot in assigned["slots"] if slot["kind"] == "video"] == ["alice:camera", None]

    await eventually(lambda: decodes(bob, 20), "bob decodes alice's camera")
    await eventually(lambda: hears(bob), "bob hears alice's microphone")
    codecs = (await bob.stats())["codecs"].values()
    assert set(codecs) >= {"video/H264", "audio/opus"}
    assert not await decodes(alice), "nobody is shown to himself"
    assert server.seen("publication.media", publication_id="alice:camera", flowing=True, codec="H264")
    await until(lambda: server.seen("speakers.changed", participant_ids=["alice"]), "alice is named as speaker")


async def test_vp8_publisher_is_seen_by_viewers_of_h264_and_a_slot_changes_codec(enter: Enter) -> None:
    alice, bob, carol = await enter("alice"), await enter("bob"), await enter("carol")
    await alice.join(codec="video/VP8")
    await bob.join()
    await carol.join(video_slots=1)
    await alice.publish()
    await bob.publish()
    await carol.view("alice:camera")
    await eventually(lambda: decodes(carol, 10), "carol decodes VP8")
    await carol.view("bob:camera")

    async def switched() -> bool:
        stats = await carol.stats()
        names = [stats["codecs"][item["codecId"]] for item in stats["inbound"] if item.get("framesDecoded")]
        return names == ["video/H264"]

    await eventually(switched, "carol's only slot shows bob's H.264")
    before = max(await carol.inbound("video", "framesDecoded"))
    await eventually(lambda: decodes(carol, before + 10), "it goes on")


async def test_one_slot_follows_its_view_without_losing_a_packet(enter: Enter) -> None:
    people = [await enter(name) for name in ("alice", "bob", "carol")]
    for person in people:
        await person.join(codec="video/VP8", video_slots=1)
        await person.publish()
    carol = people[2]
    for round_ in range(4):
        before = max([0, *await carol.inbound("video", "framesDecoded")])
        await carol.view(f"{('alice', 'bob')[round_ % 2]}:camera")
        await eventually(lambda seen=before: decodes(carol, seen + 8), f"the picture of round {round_}")  # type: ignore[misc]
    assert await carol.inbound("video", "packetsLost") == [0]
    await eventually(lambda: hears(carol, 2), "both others are heard")


async def test_a_screen_with_sound_beside_the_camera_on_lines_added_later(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join()
    await bob.join(video_slots=1)
    await alice.publish()
    await alice.share_screen()
    await bob.view("alice:screen", "alice:camera")
    await eventually(lambda: decodes(bob, 10), "bob decodes the screen")
    answer = await bob.add_video_slots(2)
    assert sum(slot["kind"] == "video" for slot in answer["slots"]) == 3
    assert "alice:camera" in [slot["publication_id"] for slot in answer["slots"]], "the view fills the new lines"
    await eventually(lambda: decodes(bob, 10, tracks=2), "screen and camera")
    await eventually(lambda: hears(bob, 2), "voice and shared sound")
    flowing = {event["publication_id"] for event in server.seen("publication.media", flowing=True)}
    assert flowing == {f"alice:{source}" for source in ("microphone", "camera", "screen", "screen_audio")}


async def test_ice_restart_keeps_the_association(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join()
    await bob.join()
    await alice.publish()
    await bob.view("alice:camera")
    await eventually(lambda: decodes(bob, 5), "bob decodes")
    await alice.restart_ice()
    before = max(await bob.inbound("video", "framesDecoded"))
    await eventually(lambda: decodes(bob, before + 20), "pictures go on after the restart")
    await until(lambda: server.counters.get("stun_in", 0) > 0, "statistics")
    assert server.counters["dtls_connected"] == 2, "no new handshake"
    states = [event["state"] for event in server.seen("transport.changed", participant_id="alice")]
    assert states == ["connected"]


async def test_a_path_that_is_found_before_the_answer_has_come_is_used(
    server: ControlServer, start_worker: StartWorker, browser: Browser, relay: UdpRelay
) -> None:
    """Who comes out of a tunnel has the new path at once, and the answer to his restart a second later."""
    relay.worker = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
    host, port = relay.address
    await start_worker(MEDIA_PORT=str(relay.worker[1]), MEDIA_ADVERTISE=f"{host}:{port}")
    await server.call(control.RoomOpen(room_id="r"))
    alice, bob = [await opened(browser, server, name) for name in ("alice", "bob")]
    await alice.join()
    await alice.publish()
    await eventually(lambda: connected(alice), "alice is connected")
    others = set(relay.clients)
    await bob.join()
    await bob.view("alice:camera")
    await eventually(lambda: decodes(bob, 5), "bob decodes")
    changes = (await bob.stats())["pathChanges"]
    for address in set(relay.clients) - others:
        relay.blackhole(address, on=True)
    offer = await bob.offer_restart()

    async def has_another_path() -> bool:
        return bool((await bob.stats())["pathChanges"] > changes)

    await eventually(has_another_path, "the browser has found another path")
    before = max(await bob.inbound("video", "framesDecoded"))
    await bob.exchange(offer)
    await eventually(lambda: decodes(bob, before + 20), "pictures come by it")
    await until(lambda: server.counters.get("moved_when_asked", 0) > 0, "the worker has asked there")
    assert server.counters["dtls_connected"] == 2, "no new handshake"


async def test_second_connection_takes_over_the_seat_with_its_view(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    for person in (alice, bob):
        await person.join()
        await person.publish()
    await bob.view("alice:camera")
    await alice.view("bob:camera")
    await eventually(lambda: decodes(bob, 5), "bob decodes")
    again = await enter("alice")
    answer = await again.join()
    assert "bob:camera" in [slot["publication_id"] for slot in answer["slots"]], "the view comes along"
    await again.publish()
    await eventually(lambda: decodes(again, 10), "the new connection shows bob")
    before = max(await bob.inbound("video", "framesDecoded"))
    await eventually(lambda: decodes(bob, before + 20), "bob goes on seeing alice")

    async def old_is_closed() -> bool:
        return bool((await alice.stats())["state"] != "connected")

    await eventually(old_is_closed, "the old connection was closed")
    assert not server.seen("transport.changed", participant_id="alice", state="closed")


async def test_a_taken_grant_stops_the_camera_at_once(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join()
    await bob.join()
    await alice.publish()
    await bob.view("alice:camera")
    await eventually(lambda: decodes(bob, 5), "bob decodes")
    await server.call(control.GrantsSet(room_id="r", participant_id="alice", grants=control.Grants(audio=True)))
    assert await until(
        lambda: server.seen("publication.media", publication_id="alice:camera", flowing=False), "camera is off"
    )
    dropped = await until(lambda: server.counters.get("drop_not_granted", 0), "what she sends is dropped")
    frozen = (await bob.inbound("video", "packetsReceived"))[0]  # what was on its way is there by now
    await until(lambda: server.counters["drop_not_granted"] > dropped + 20, "it goes on being dropped")
    assert (await bob.inbound("video", "packetsReceived"))[0] == frozen


async def test_pictures_go_on_while_the_server_is_away(server: ControlServer, enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.join()
    await bob.join()
    await alice.publish()
    await bob.view("alice:camera")
    await eventually(lambda: decodes(bob, 5), "bob decodes")
    await server.stop()
    before = max(await bob.inbound("video", "framesDecoded"))
    await eventually(lambda: decodes(bob, before + 20), "pictures without a server")
    successor = ControlServer()
    successor.port = server.port
    await successor.start()
    try:
        await until(lambda: successor.hellos, "the worker finds the new server")
        (room,) = successor.hellos[0].rooms
        seats = {item.participant_id: item for item in room.participants}
        assert seats["alice"].state == "connected"
        assert set(seats["alice"].sources) == {"microphone", "camera"}
        await successor.call(control.TransportClose(room_id="r", participant_id="alice"))
        await until(lambda: successor.seen("transport.changed", state="closed"), "calls work again")
    finally:
        await successor.stop()


async def test_closing_the_page_is_noticed_at_once(server: ControlServer, enter: Enter) -> None:
    alice = await enter("alice")
    await alice.join()
    await until(lambda: server.seen("transport.changed", participant_id="alice", state="connected"), "connected")
    await alice.page.evaluate("pc.close()")
    await until(lambda: server.seen("transport.changed", participant_id="alice", state="away"), "away", 3)


async def test_an_advertised_address_stands_in_the_answer(server: ControlServer, start_worker: StartWorker) -> None:
    await start_worker(MEDIA_ADVERTISE="192.0.2.7:4000,198.51.100.1:4001")
    await server.call(control.RoomOpen(room_id="r"))
    async with chromium() as running:
        page = await running.new_page()
        await page.goto(server.url + "/page")
        answer = await BrowserClient(page, server, "r", "alice").join()
    assert " 192.0.2.7 4000 typ host" in answer["sdp"]
    assert " 198.51.100.1 4001 typ host" in answer["sdp"]
