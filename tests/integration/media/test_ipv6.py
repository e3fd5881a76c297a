"""Real Chromium over IPv6 alone."""

from __future__ import annotations

import pytest

from media import control
from media.udp import local_addresses
from tests.integration.media.browser_page import BrowserClient, chromium
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import ControlServer
from tests.integration.media.test_chromium import decodes, eventually, hears

pytestmark = [pytest.mark.integration, pytest.mark.browser]


async def test_chromium_by_ipv6(server: ControlServer, start_worker: StartWorker) -> None:
    """Where the machine has no IPv6 address of its own, loopback's stands in."""
    host = next(iter(local_addresses(6)), "::1")
    await start_worker(MEDIA_HOST=host)
    await server.call(control.RoomOpen(room_id="r"))
    async with chromium() as browser:
        people = []
        for name in ("alice", "bob"):
            page = await browser.new_page()
            await page.goto(server.url + "/page")
            people.append(BrowserClient(page, server, "r", name))
        for person in people:
            answer = await person.join(codec="video/VP8")
            assert f" {host} " in answer["sdp"]
            assert " 127.0.0.1 " not in answer["sdp"].replace("IN IP4 127.0.0.1", "")
            await person.publish()
        alice, bob = people
        await alice.view("bob:camera")
        await bob.view("alice:camera")
        for person in people:
            await eventually(lambda who=person: decodes(who, 20), f"{person.id} decodes the other", 30)  # type: ignore[misc]
            await eventually(lambda who=person: hears(who), f"{person.id} hears the other")  # type: ignore[misc]
