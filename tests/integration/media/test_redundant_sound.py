"""Redundant sound (RFC 2198) through a network that loses every tenth packet, judged by two browsers' own figures."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from media import control
from tests.integration.media.browser_page import BrowserClient, chromium
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import ControlServer
from tests.integration.media.lossy_relay import Address, LossyRelay
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.browser]
LOSS = 0.10
HEARD_S = 15
_SING = """async () => {
  const audio = new AudioContext(), tone = audio.createOscillator(), wave = audio.createOscillator();
  const depth = audio.createGain(), target = audio.createMediaStreamDestination();
  tone.frequency.value = 300; wave.frequency.value = 3; depth.gain.value = 120;
  wave.connect(depth).connect(tone.frequency); tone.connect(target); tone.start(); wave.start();
  await mic.sender.replaceTrack(target.stream.getAudioTracks()[0]);
}"""


class LossToViewers(LossyRelay):
    """What the publisher sends arrives."""

    def to_client(self, data: bytes, client: Address) -> None:
        if not super()._loses(data):
            self._transport.sendto(data, client)

    def _loses(self, data: bytes) -> bool:
        return False


class WithoutRedundancy(BrowserClient):
    """Offers the same, but for redundancy."""

    async def exchange(self, sdp: str) -> dict[str, Any]:
        return await super().exchange(sdp.replace("red/48000/2", "red/48000/1"))


async def heard(viewer: BrowserClient) -> dict[str, Any]:
    """The stream with most sound in it."""
    streams = [item for item in (await viewer.stats())["inbound"] if item["kind"] == "audio"]
    return max(streams, key=lambda item: item.get("totalSamplesReceived", 0), default={})


def made_up(stream: dict[str, Any]) -> float:
    """The share of what was played that the browser had to invent."""
    return float(stream["concealedSamples"] / stream["totalSamplesReceived"])


async def test_a_tenth_of_all_packets_is_lost_and_hardly_heard(
    server: ControlServer, start_worker: StartWorker
) -> None:
    relay = LossToViewers(LOSS, seed=11)
    host, port = await relay.start()
    relay.worker = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
    try:
        await start_worker(MEDIA_PORT=str(relay.worker[1]), MEDIA_ADVERTISE=f"{host}:{port}")
        await server.call(control.RoomOpen(room_id="r"))
        async with chromium() as browser:
            pages = [await browser.new_page() for _ in range(3)]
            for page in pages:
                await page.goto(server.url + "/page")
            alice, bob = (BrowserClient(pages[index], server, "r", f"p{index}") for index in range(2))
            carol = WithoutRedundancy(pages[2], server, "r", "p2")
            for person in (alice, bob, carol):
                await person.join(video_slots=0)
            await alice.page.evaluate(_SING)
            deadline = asyncio.get_running_loop().time() + 60
            while (await heard(carol)).get("totalSamplesReceived", 0) < HEARD_S * 48_000:
                assert asyncio.get_running_loop().time() < deadline, "no sound"
                await asyncio.sleep(0.2)
            with_red, without = await heard(bob), await heard(carol)
    finally:
        relay.close()
    assert without["packetsLost"] > 30 and with_red["packetsLost"] > 30, "both have lost as much"
    assert made_up(with_red) < made_up(without) / 2, "on a quiet machine a ninth"
