"""Clients by IPv6: the same media over a socket of its own, beside those of IPv4."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.clock import SystemClock
from media.demux import _source
from media.plane import MediaPlane
from media.settings import Settings
from media.stats import Counters
from media.udp import DatagramPort, local_addresses
from tests.unit.media.conftest import FrozenClock
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import CAMERA, Studio, packet_of
from tests.unit.media.tcp_client import TcpClient
from tests.unit.media.test_datagrams import Sink


class V6Client(RawClient):
    family = r"[\da-f]*:[\da-f:]+"


@pytest.fixture
async def dual(clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Studio]:
    settings = Settings.from_env(
        {
            "SERVER_URL": "http://127.0.0.1:1",
            "WORKER_TOKEN": "t",
            "MEDIA_TAP_DIR": str(tmp_path),
            "MEDIA_HOST": "127.0.0.1,::1",
        }
    )
    plane = MediaPlane(settings, lambda _event: None, clock)
    await plane.start()
    made = Studio(plane, clock, [])
    yield made
    for client in made.clients:
        await client.close()
    await plane.close()


async def test_media_flows_between_both_kinds(dual: Studio) -> None:
    alice, bob = await dual.enter("alice", V6Client()), await dual.enter("bob")
    carol = await dual.enter("carol", V6Client())
    dual.view("alice", "bob:camera")
    dual.view("bob", "alice:camera")
    dual.view("carol", "bob:camera")
    for sender, receivers in ((alice, (bob,)), (bob, (alice, carol))):
        sender.send(packet_of(sender, CAMERA, 1, b"\x67key"))
        for receiver in receivers:
            await dual.sees(lambda who=receiver: who.rtp, "the other's picture")  # type: ignore[misc]
            assert receiver.rtp[0].endswith(b"\x67key")
    assert {":" in host for host, _ in dual.plane._demux.by_address} == {True, False}


async def test_who_moves_between_the_kinds_keeps_the_stream(dual: Studio) -> None:
    alice, bob = await dual.enter("alice"), V6Client()
    answer = dual.offer("bob", bob).sdp
    await bob.connect(answer)
    dual.view("bob", "alice:camera")
    for number, family in enumerate((V6Client.family, RawClient.family, V6Client.family), 1):
        bob.family = family
        await bob.open(answer)
        await bob.check(answer, use_candidate=True)
        alice.send(packet_of(alice, CAMERA, number, b"\x67key" if number == 1 else b"\x41delta"))
        await dual.sees(lambda count=number: len(bob.rtp) == count, f"picture {number}")  # type: ignore[misc]
    numbers = [int.from_bytes(packet[2:4], "big") for packet in bob.rtp]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


async def test_tcp_listens_on_both(dual: Studio) -> None:
    answer = dual.offer("alice", V6Client()).sdp
    assert " ::1 " in answer
    tcp = dual.plane._tcp
    assert tcp is not None
    with socket.create_connection(("::1", tcp.address[1])):
        await dual.sees(lambda: dual.plane.counters["tcp_accepted"] == 1, "it is accepted")
    await dual.enter("bob", TcpClient())


def test_single_and_coalesced_datagrams_come_with_plain_addresses() -> None:
    port, sink, readable = DatagramPort("", 0, SystemClock(), Counters(), "::1"), Sink(), []
    port.attach(sink, lambda _descriptor, callback: readable.append(callback))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.sendto(b"one", ("::1", port.address[1]))
        readable[1]()
        assert sink.datagrams == [b"one"]
        client.bind(("::1", 0)) if client.getsockname()[1] == 0 else None
        port.send(b"back", ("::1", client.getsockname()[1]))
        client.settimeout(2)
        assert client.recv(100) == b"back"
    port.close(lambda _descriptor: None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ("127.0.0.1", "")),
        ("0.0.0.0", ("0.0.0.0", "")),
        ("::", ("0.0.0.0", "::")),
        ("::1", ("", "::1")),
        ("192.0.2.1, 2001:db8::1", ("192.0.2.1", "2001:db8::1")),
    ],
)
def test_hosts(value: str, expected: tuple[str, str]) -> None:
    settings = Settings.from_env({"SERVER_URL": "http://x", "WORKER_TOKEN": "t", "MEDIA_HOST": value})
    assert (settings.host, settings.host6) == expected


@pytest.mark.parametrize("value", ["1.2.3.4,5.6.7.8", "::1,::2", "1.2.3.4,"])
def test_more_than_one_of_a_kind_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="MEDIA_HOST"):
        Settings.from_env({"SERVER_URL": "http://x", "WORKER_TOKEN": "t", "MEDIA_HOST": value})


def test_an_ipv6_address_is_advertised_without_brackets() -> None:
    settings = Settings.from_env(
        {"SERVER_URL": "http://x", "WORKER_TOKEN": "t", "MEDIA_ADVERTISE": "192.0.2.1:4000,[2001:db8::1]:4000"}
    )
    assert settings.advertise == (("192.0.2.1", 4000), ("2001:db8::1", 4000))


def test_local_addresses_of_ipv6_are_for_others() -> None:
    assert not [item for item in local_addresses(6) if item.startswith(("fe80", "::1"))]


def test_limits_hold_for_a_network_of_ipv6() -> None:
    assert _source(("2001:db8:1:2::3", 1)) == _source(("2001:db8:1:2:ffff::9", 2))
    assert _source(("2001:db8:1:2::3", 1)) != _source(("2001:db8:1:3::3", 1))
    assert _source(("192.0.2.1", 1)) == "192.0.2.1"
