"""Firefox and Chromium in one room. Firefox gathers no loopback candidates: the worker listens on all addresses."""

from __future__ import annotations

import pytest

from media import control
from media.udp import local_addresses
from tests.integration.media.browser_page import BrowserClient, chromium
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import ControlServer, until
from tests.integration.media.firefox import firefox
from tests.integration.media.test_chromium import decodes, eventually, hears

pytestmark = [pytest.mark.integration, pytest.mark.browser]


async def test_firefox_and_chromium_see_and_hear_each_other(server: ControlServer, start_worker: StartWorker) -> None:
    assert local_addresses() != ("127.0.0.1",), "this test needs an address beside loopback"
    await start_worker(MEDIA_HOST="0.0.0.0")
    await server.call(control.RoomOpen(room_id="r"))
    async with chromium() as browser, firefox() as fox:
        page = await browser.new_page()
        for tab in (page, fox):
            await tab.goto(server.url + "/page")
        alice, bob = BrowserClient(page, server, "r", "alice"), BrowserClient(fox, server, "r", "bob")
        await alice.join(codec="video/VP8")
        await bob.join(simulcast=True)
        for person in (alice, bob):
            await person.publish()
        await alice.view("bob:camera")
        await bob.view("alice:camera")
        await eventually(lambda: decodes(alice, 30), "Chromium decodes Firefox's camera", 30)
        await eventually(lambda: decodes(bob, 30), "Firefox decodes Chromium's camera", 30)
        await eventually(lambda: hears(alice), "Chromium hears Firefox", 20)
        await until(lambda: server.seen("publication.media", publication_id="bob:camera", codec="VP8"), "VP8")
        sent = [item for item in (await bob.stats())["outbound"] if item.get("framesEncoded")]
        assert {item.get("rid") for item in sent} >= {"q", "h"}, "layers are sent, the largest when there is leave"
