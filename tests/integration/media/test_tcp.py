"""A network that blocks UDP: real browsers find the worker's TCP port by themselves and decode pictures."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from media import control
from media.clock import SystemClock
from media.settings import Settings
from media.stats import Counters
from media.tcp import open_ports
from media.udp import local_addresses
from tests.integration.media.browser_page import BrowserClient, ClientPage, chromium
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import ControlServer, until
from tests.integration.media.firefox import firefox
from tests.integration.media.slow_tcp import SlowTcp
from tests.integration.media.test_chromium import decodes, eventually, hears
from tests.netsim.tcp_cut import TcpCut
from tests.netsim.udp_relay import UdpRelay

pytestmark = [pytest.mark.integration, pytest.mark.browser]

_PATH = """async () => {
  const reports = [...(await pc.getStats()).values()];
  const byId = Object.fromEntries(reports.map(s => [s.id, s]));
  const transport = reports.find(s => s.type === 'transport');
  const pair = byId[transport?.selectedCandidatePairId] ?? reports.find(s => s.type === 'candidate-pair' && s.selected);
  const local = pair && byId[pair.localCandidateId];
  return pair && {protocol: local.protocol};
}"""


@pytest.fixture
async def silent_udp() -> AsyncIterator[UdpRelay]:
    """A UDP address behind which nothing answers: it takes datagrams and leads nowhere."""
    relay = await UdpRelay.start("0.0.0.0")
    yield relay
    await relay.close()


async def _selected(client: BrowserClient) -> dict[str, Any]:
    found = await client.page.evaluate(_PATH)
    return found if isinstance(found, dict) else {}


async def _first_frame_ms(clients: list[BrowserClient], viewer: BrowserClient) -> int:
    """From the viewer's offer until it has decoded a picture; the others have joined and publish."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await viewer.join(codec="video/VP8")
    await viewer.view(f"{clients[0].id}:camera")
    await eventually(lambda: decodes(viewer), "the first frame", 20)
    return int((loop.time() - began) * 1000)


async def _lesson_by_tcp(server: ControlServer, tabs: list[ClientPage]) -> list[BrowserClient]:
    """Every tab publishes; the second sees the first. All of them have nothing but TCP."""
    await server.call(control.RoomOpen(room_id="r"))
    people = [BrowserClient(tab, server, "r", f"p{number}") for number, tab in enumerate(tabs)]
    for tab in tabs:
        await tab.goto(server.url + "/page")  # type: ignore[attr-defined]
    await people[0].join(codec="video/VP8")
    await people[0].publish()
    first_ms = await _first_frame_ms(people, people[1])
    await people[1].publish()
    await people[0].view(f"{people[1].id}:camera")
    for person in people:
        await eventually(lambda who=person: decodes(who, 20), f"{person.id} decodes the other", 30)  # type: ignore[misc]
        await eventually(lambda who=person: hears(who), f"{person.id} hears the other", 20)  # type: ignore[misc]
        assert (await _selected(person))["protocol"] == "tcp"
    await until(lambda: server.counters.get("tcp_accepted", 0) >= len(people), "statistics")
    assert server.counters["dtls_connected"] == len(people)
    sys.stdout.write(json.dumps({"first_frame_by_tcp_ms": first_ms, "browser": type(tabs[1]).__name__}) + "\n")
    return people


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


async def test_chromium_without_udp_is_in_the_lesson_by_itself(
    server: ControlServer, start_worker: StartWorker, silent_udp: UdpRelay, stack: AsyncExitStack
) -> None:
    host, tcp_port = "127.0.0.1", _free_port()
    await start_worker(
        MEDIA_PORT=str(tcp_port),
        MEDIA_ADVERTISE=f"{host}:{silent_udp.address[1]}",
        MEDIA_ADVERTISE_TCP=f"{host}:{tcp_port}",
    )
    browser = await stack.enter_async_context(chromium())
    tabs: list[ClientPage] = [await browser.new_page(), await browser.new_page()]
    people = await _lesson_by_tcp(server, tabs)
    assert silent_udp.clients, "UDP was tried"
    before = max(await people[1].inbound("video", "framesDecoded"))
    await people[1].restart_ice()
    await eventually(lambda: decodes(people[1], before + 20), "it goes on after an ICE restart")
    assert (await _selected(people[1]))["protocol"] == "tcp"
    assert server.counters["dtls_connected"] == 2, "no new handshake"


async def test_firefox_without_udp_is_in_the_lesson_by_itself(
    server: ControlServer, start_worker: StartWorker, silent_udp: UdpRelay, stack: AsyncExitStack
) -> None:
    (host, *_), tcp_port = local_addresses(), _free_port()
    assert host != "127.0.0.1", "this test needs an address beside loopback"
    await start_worker(
        MEDIA_HOST="0.0.0.0",
        MEDIA_PORT=str(tcp_port),
        MEDIA_ADVERTISE=f"{host}:{silent_udp.address[1]}",
        MEDIA_ADVERTISE_TCP=f"{host}:{tcp_port}",
    )
    browser = await stack.enter_async_context(chromium())
    tabs: list[ClientPage] = [await browser.new_page(), await stack.enter_async_context(firefox())]
    await _lesson_by_tcp(server, tabs)


def _free_port() -> int:
    """A number that is free for UDP and TCP."""
    settings = Settings.from_env({"SERVER_URL": "http://x", "WORKER_TOKEN": "t", "MEDIA_HOST": "0.0.0.0"})
    udp, tcp = open_ports(settings, SystemClock(), Counters())
    assert tcp is not None
    for opened in (udp.socket, *tcp._sockets):
        opened.close()
    return udp.address[1]


async def test_a_tcp_connection_that_breaks_is_replaced_by_the_browser(
    server: ControlServer, start_worker: StartWorker, silent_udp: UdpRelay, stack: AsyncExitStack
) -> None:
    """A middlebox resets it: the browser connects again by itself, and the seat and its pictures go on."""
    host, tcp_port = "127.0.0.1", _free_port()
    relay = await TcpCut.start(host, tcp_port)
    stack.push_async_callback(relay.close)
    await start_worker(
        MEDIA_PORT=str(tcp_port),
        MEDIA_ADVERTISE=f"{host}:{silent_udp.address[1]}",
        MEDIA_ADVERTISE_TCP=f"{host}:{relay.port}",
    )
    browser = await stack.enter_async_context(chromium())
    people = await _lesson_by_tcp(server, [await browser.new_page(), await browser.new_page()])
    before = max(await people[1].inbound("video", "framesDecoded"))
    began = asyncio.get_running_loop().time()
    relay.cut()
    relay.mend()
    await eventually(lambda: decodes(people[1], before + 20), "pictures after the cut", 30)
    took_ms = int((asyncio.get_running_loop().time() - began) * 1000)
    assert relay.cut_connections >= len(people)
    assert not server.seen("transport.changed", state="closed"), "nobody lost his seat"
    assert server.counters["dtls_connected"] == len(people), "no new handshake"
    sys.stdout.write(json.dumps({"pictures_again_after_a_reset_ms": took_ms}) + "\n")


async def test_sound_comes_before_pictures_where_tcp_is_slow(
    server: ControlServer, start_worker: StartWorker, silent_udp: UdpRelay, stack: AsyncExitStack
) -> None:
    host, tcp_port = "127.0.0.1", _free_port()
    relay = await SlowTcp.start(host, tcp_port)
    stack.push_async_callback(relay.close)
    await start_worker(
        MEDIA_PORT=str(tcp_port),
        MEDIA_ADVERTISE=f"{host}:{silent_udp.address[1]}",
        MEDIA_ADVERTISE_TCP=f"{host}:{relay.port}",
    )
    await server.call(control.RoomOpen(room_id="r"))
    browser = await stack.enter_async_context(chromium())
    pages = [await browser.new_page(), await browser.new_page()]
    for page in pages:
        await page.goto(server.url + "/page")
    alice, bob = (BrowserClient(page, server, "r", name) for page, name in zip(pages, ("alice", "bob"), strict=True))
    await alice.join(codec="video/VP8")
    await alice.publish()
    relay.down_bps = 250_000
    await bob.join(codec="video/VP8")
    await bob.view("alice:camera")
    await eventually(lambda: hears(bob), "bob hears alice", 20)
    await eventually(lambda: _has_samples(bob, 48_000), "a second of sound")
    before = await _samples(bob)
    await eventually(lambda: _has_samples(bob, before[0] + 480_000), "ten seconds more", 30)
    after = await _samples(bob)
    await until(lambda: server.counters, "statistics")
    concealed = (after[1] - before[1]) / (after[0] - before[0])
    pictures = await bob.inbound("video", "framesDecoded")
    counters = {name: value for name, value in server.counters.items() if "tcp" in name}
    sys.stdout.write(json.dumps({"concealed": round(concealed, 4), "pictures": pictures, **counters}) + "\n")
    assert concealed < 0.1, "sound goes on"
    assert not server.counters.get("drop_tcp_full"), "nothing but pictures was dropped"


async def _samples(client: BrowserClient) -> tuple[int, int]:
    totals = await client.inbound("audio", "totalSamplesReceived")
    concealed = await client.inbound("audio", "concealedSamples")
    silent = await client.inbound("audio", "silentConcealedSamples")
    return sum(totals), sum(concealed) - sum(silent)


async def _has_samples(client: BrowserClient, count: int) -> bool:
    return (await _samples(client))[0] >= count
