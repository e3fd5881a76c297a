"""Pictures through a network that loses packets: resends on both sides of the worker, seen in the browser's figures."""

from __future__ import annotations

import socket

import pytest

from media import control
from tests.integration.media.browser_page import BrowserClient, chromium
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import ControlServer, until
from tests.integration.media.lossy_relay import LossyRelay
from tests.integration.media.test_chromium import decodes, eventually
from tests.machine_load import programs_per_core
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.browser]


async def test_lost_packets_are_asked_for_and_resent(server: ControlServer, start_worker: StartWorker) -> None:
    relay = LossyRelay(0.05, seed=7)
    host, port = await relay.start()
    relay.worker = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
    try:
        await start_worker(MEDIA_PORT=str(relay.worker[1]), MEDIA_ADVERTISE=f"{host}:{port}")
        await server.call(control.RoomOpen(room_id="r"))
        async with chromium() as browser:
            people = []
            for name in ("alice", "bob"):
                page = await browser.new_page()
                await page.goto(server.url + "/page")
                people.append(BrowserClient(page, server, "r", name))
                await people[-1].join()
            alice, bob = people
            await alice.publish()
            await bob.view("alice:camera")
            await eventually(lambda: decodes(bob, 150), "bob decodes 150 frames through 5 % loss", 40)
            freezes = sum(await bob.inbound("video", "totalFreezesDuration"))
            assert relay.lost > 10, "the relay did lose packets"
            await until(lambda: server.counters.get("resent", 0) > 0, "resends to the viewer")
            await until(lambda: server.counters.get("recovered", 0) > 0, "packets recovered from the publisher")
            assert freezes < 2 * programs_per_core(), "repair came in time"
    finally:
        relay.close()
