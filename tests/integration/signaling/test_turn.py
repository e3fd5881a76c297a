"""A real coturn, with the configuration that is shipped: our credentials open it, and it leads to the media and
nowhere else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aioice
import pytest
from aiortc import RTCIceServer, RTCIceTransportPolicy

from server.auth.turn import TTL_S
from tests.integration.signaling.callers import Caller, MediaProcesses
from tests.integration.signaling.guest import Guest
from tests.integration.signaling.house import House, furnish
from tests.servers.coturn import Coturn, coturn

SECRET = "secret of the relay"
# Loopback by other names, private and special ranges, IPv4-mapped and compatible spellings, and the rest of the world.
FORBIDDEN = (
    "127.0.0.2",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "198.51.100.7",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::ffff:127.0.0.2",
    "::ffff:10.0.0.1",
    "::127.0.0.2",
    "64:ff9b::a00:1",
    "fd00::1",
    "fe80::1",
)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Coturn]:
    folder = tmp_path / "relay"
    folder.mkdir()
    with coturn(folder, SECRET) as server:
        yield server


@pytest.fixture
async def house(tmp_path: Path, relay: Coturn) -> AsyncIterator[House]:
    await furnish(tmp_path)
    built = House(tmp_path, turn=((relay.url("udp"), relay.url("tcp")), SECRET))
    await built.start()
    yield built
    await built.stop()


class _Receiver(asyncio.DatagramProtocol):
    """What the relay says of what was sent through it."""

    def __init__(self) -> None:
        self.refusals: asyncio.Queue[Exception] = asyncio.Queue()

    def error_received(self, exc: Exception) -> None:
        self.refusals.put_nowait(exc)


async def _allocate(relay: Coturn, username: str, credential: str) -> tuple[Any, _Receiver]:
    allocation: tuple[Any, _Receiver] = await aioice.turn.create_turn_endpoint(
        _Receiver, server_addr=relay.address, username=username, password=credential
    )
    return allocation


def _code(refusal: Exception) -> int:
    assert isinstance(refusal, aioice.stun.TransactionFailed), refusal
    return int(refusal.response.attributes["ERROR-CODE"][0])


def _credential(username: str, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_media_flow_through_the_relay_with_the_servers_credential(
    house: House, tmp_path: Path, transport: str
) -> None:
    workers = MediaProcesses(house, tmp_path)
    await workers.start("media-0")
    sender = Caller(await Guest(house.url).enter(house.ticket("n1")))
    await sender.call(publish=True)
    guest = await Guest(house.url).enter(house.ticket("host"))
    answer = await guest.do("ice.servers")
    assert answer["ttl_s"] == TTL_S
    (server,) = answer["servers"]
    url = next(url for url in server["urls"] if url.endswith(transport))
    viewer = Caller(
        guest,
        iceServers=[RTCIceServer(urls=url, username=server["username"], credential=server["credential"])],
        iceTransportPolicy=RTCIceTransportPolicy.RELAY,
    )
    await viewer.call(publish=False)
    assert " typ relay" in viewer.pc.localDescription.sdp
    assert " typ host" not in viewer.pc.localDescription.sdp
    await viewer.view(sender.camera)
    await viewer.receives(sender.camera, 50, "pictures come through the relay")
    for caller in (viewer, sender):
        await caller.hang_up()
        await caller.guest.close()
    await workers.stop()


async def test_a_wrong_an_altered_and_an_expired_credential_are_refused(relay: Coturn) -> None:
    soon, over = int(time.time()) + TTL_S, int(time.time()) - 1
    good = f"{soon}:p1"
    (await _allocate(relay, good, _credential(good)))[0].close()
    for username, credential in (
        (good, _credential(good, "another secret")),
        (f"{soon + 3600}:p1", _credential(good)),  # a longer life than was given
        (f"{soon}:p2", _credential(good)),
        (f"{over}:p1", _credential(f"{over}:p1")),
        ("p1", _credential("p1")),
    ):
        with pytest.raises(aioice.stun.TransactionFailed) as caught:
            await _allocate(relay, username, credential)
        assert _code(caught.value) == 401, username


async def test_the_relay_leads_to_the_media_worker_and_nowhere_else(relay: Coturn) -> None:
    username = f"{int(time.time()) + TTL_S}:p1"
    transport, said = await _allocate(relay, username, _credential(username))
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as media:
        media.bind(("127.0.0.1", 0))
        media.settimeout(10)
        transport.sendto(b"to the media", media.getsockname())
        assert await asyncio.to_thread(media.recv, 100) == b"to the media"
    for host in FORBIDDEN:
        transport.sendto(b"elsewhere", (host, 9))
        assert _code(await asyncio.wait_for(said.refusals.get(), 10)) in (403, 443), host
    transport.close()
