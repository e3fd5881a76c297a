"""The socket and the demultiplexer: segments, limits, and who may speak to whom."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from media.demux import Demux
from media.sendmmsg import UDP_SEGMENT
from media.stats import Counters
from media.udp import Address, DatagramPort, local_addresses
from tests.unit.media.conftest import FrozenClock
from tests.unit.media.test_stun import request


class Sink:
    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.drains = 0

    def handle_datagram(self, data: bytes, address: Address, now: float) -> None:
        self.datagrams.append(data)

    def handle_drained(self) -> None:
        self.drains += 1


@pytest.fixture
def port(clock: FrozenClock) -> Iterator[DatagramPort]:
    made = DatagramPort("127.0.0.1", 0, clock, Counters())
    yield made
    made.close(lambda _descriptor: None)
    made.close(lambda _descriptor: None)


def test_single_and_segmented_datagrams_come_apart(port: DatagramPort) -> None:
    sink, readable = Sink(), []
    port.attach(sink, lambda _descriptor, callback: readable.append(callback))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"one", port.address)
        client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
        client.sendto(b"a" * 100 + b"b" * 100 + b"c" * 20, port.address)
        client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        client.sendto(b"", port.address)
    readable[0]()
    assert sink.datagrams == [b"one", b"a" * 100, b"b" * 100, b"c" * 20, b""]
    assert sink.drains == 1


def test_what_cannot_be_sent_is_counted(port: DatagramPort) -> None:
    port.send(bytes(70_000), port.address)
    assert port._counters["drop_send"] == 1


def test_an_unattached_port_reads_nothing(port: DatagramPort) -> None:
    port.drain()


def test_local_addresses_are_for_others() -> None:
    found = local_addresses()
    assert found
    assert found == ("127.0.0.1",) or not any(item.startswith("127.") for item in found)


class FakeTransport:
    def __init__(self) -> None:
        self.got: list[str] = []
        self.last_heard_at = 0.0
        self.api: Any = SimpleNamespace(
            handle_srtp=lambda _data, _now: self.got.append("srtp"),
            handle_dtls=lambda _data: self.got.append("dtls"),
            ice=SimpleNamespace(handle_check=lambda *_arguments: self.got.append("check")),
            last_heard_at=0.0,
        )


HERE, ELSEWHERE = ("192.0.2.1", 1), ("192.0.2.2", 2)


@pytest.mark.parametrize(
    ("data", "address", "got", "counter"),
    [
        (b"", HERE, [], "drop_size"),
        (b"\x16" * 12, HERE, [], "drop_size"),
        (b"\x80" * 1501, HERE, [], "drop_size"),
        (b"\x16" * 20, HERE, ["dtls"], None),
        (b"\x80" * 20, HERE, ["srtp"], None),
        (b"\x16" * 20, ELSEWHERE, [], "drop_unknown_source"),
        (b"\x80" * 20, ELSEWHERE, [], "drop_unknown_source"),
        (b"\x40" * 20, HERE, [], "drop_unknown_kind"),
        (b"\xff" * 20, HERE, [], "drop_unknown_kind"),
        (b"\x00" * 20, ELSEWHERE, [], "drop_stun_malformed"),
        (request("nobody:x"), ELSEWHERE, [], "drop_stun_unknown"),
        (request("ours:x"), ELSEWHERE, ["check"], None),
    ],
    ids=map(str, count()),  # requests are random
)
def test_every_datagram_goes_to_its_place(data: bytes, address: Address, got: list[str], counter: str | None) -> None:
    counters = Counters()
    demux, transport = Demux(counters), FakeTransport()
    demux.by_address[HERE] = transport.api
    demux.by_ufrag["ours"] = transport.api
    demux.handle_datagram(data, address, 5.0)
    assert transport.got == got
    assert dict(counters) == ({counter: 1} if counter else {})


def test_a_fault_in_a_check_is_contained() -> None:
    counters = Counters()
    demux = Demux(counters)
    broken: Any = SimpleNamespace(ice=SimpleNamespace(handle_check=lambda *_arguments: 1 / 0))
    demux.by_ufrag["ours"] = broken
    demux.handle_datagram(request("ours:x"), HERE, 5.0)
    assert counters == {"fault_check": 1}


def test_an_address_is_forgotten_only_by_its_owner() -> None:
    demux, first, second = Demux(Counters()), FakeTransport(), FakeTransport()
    demux.by_address[HERE] = second.api
    demux.forget_address(HERE, first.api)
    assert HERE in demux.by_address
    demux.forget_address(HERE, second.api)
    assert HERE not in demux.by_address
    demux.handle_drained()
