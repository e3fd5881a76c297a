"""Clients by TCP: the same media as by UDP, and what strangers and slow readers may cost."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import tcp
from media.clock import SystemClock
from media.control import TransportState
from media.ice.framing import MAX_FRAME, Deframer, frame
from media.plane import MediaPlane
from media.settings import Settings
from media.stats import Counters
from media.udp import StreamAddress
from tests.unit.media.conftest import FrozenClock
from tests.unit.media.studio import CAMERA, MICROPHONE, Studio, packet_of
from tests.unit.media.tcp_client import CANDIDATE, TcpClient


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 2**32))
def test_frames_come_apart_however_the_stream_is_cut(datagrams: list[bytes], seed: int) -> None:
    stream = b"".join(frame(item) for item in datagrams)
    cuts = random.Random(seed)
    deframer, found, at = Deframer(), list[bytes](), 0
    while at < len(stream):
        size = cuts.randint(1, 400)
        found += deframer.feed(stream[at : at + size])
        at += size
    assert found == datagrams


def test_a_frame_that_no_datagram_fits_ends_the_stream() -> None:
    assert Deframer().feed(frame(bytes(MAX_FRAME))) == [bytes(MAX_FRAME)]
    with pytest.raises(ValueError, match="1501"):
        Deframer().feed((MAX_FRAME + 1).to_bytes(2, "big"))


async def test_media_flows_between_tcp_and_udp(studio: Studio) -> None:
    alice, bob = await studio.enter("alice", TcpClient()), await studio.enter("bob")
    studio.view("alice", "bob:camera")
    studio.view("bob", "alice:camera")
    for sender, receiver in ((alice, bob), (bob, alice)):
        sender.send(packet_of(sender, CAMERA, 1, b"\x67key"))
        await studio.sees(lambda who=receiver: who.rtp, "the other's picture")  # type: ignore[misc]
        assert receiver.rtp[0].endswith(b"\x67key")
    assert not studio.plane.counters["drop_srtp"]


async def test_who_moves_between_tcp_and_udp_keeps_the_stream(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), TcpClient()
    answer = studio.offer("bob", bob).sdp
    await bob.connect(answer)
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 1, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "the first by TCP")
    await bob.open_udp(answer)
    await bob.check(answer, use_candidate=True)
    alice.send(packet_of(alice, CAMERA, 2, b"\x41delta"))
    await studio.sees(lambda: len(bob.rtp) == 2, "the second by UDP")
    sent = studio.plane.counters["sends"]
    await bob.open(answer)
    await bob.check(answer, use_candidate=True)
    alice.send(packet_of(alice, CAMERA, 3, b"\x41delta"))
    await studio.sees(lambda: len(bob.rtp) == 3, "the third by another TCP connection")
    numbers = [int.from_bytes(packet[2:4], "big") for packet in bob.rtp]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2], "one numbering"
    assert studio.plane.counters["sends"] == sent + 1
    assert studio.state("bob") is TransportState.CONNECTED


async def test_a_connection_is_no_address_for_udp(studio: Studio) -> None:
    alice = TcpClient()
    await studio.enter("alice", alice)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(alice.address)
        stranger.sendto(b"\x80" * 40, studio.plane._port.address)
        await studio.sees(lambda: studio.plane.counters["drop_unknown_source"] == 1, "it is a stranger's")


async def test_closing_says_goodbye_and_ends_the_connection(studio: Studio) -> None:
    alice = TcpClient()
    await studio.enter("alice", alice)
    studio.room.remove("alice")
    await studio.sees(lambda: alice.is_closed, "DTLS' goodbye")
    await studio.sees(lambda: alice.stream.is_lost, "the end of the connection")
    await studio.sees(lambda: not _port(studio).connections, "nothing is left")
    assert studio.plane._demux.by_address == {}


async def test_a_broken_connection_is_forgotten_and_another_takes_its_place(studio: Studio) -> None:
    alice = TcpClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    addresses = studio.plane._demux.by_address
    assert alice.stream.transport is not None
    alice.stream.transport.abort()
    await studio.sees(lambda: not studio.plane._demux.by_address, "the address is gone")
    studio.room.participants["alice"].current.transport.send_rtcp(b"\x80\xc9\0\1\0\0\0\1")  # type: ignore[union-attr]
    assert studio.plane.counters["drop_send"] == 1
    await alice.open(answer)
    await alice.check(answer, use_candidate=False)  # not yet nominated, but there is no other way
    transport = next(iter(addresses.values()))
    assert transport.address in addresses, "she is sent to by the new way"
    alice.send(packet_of(alice, MICROPHONE, 1))
    await studio.sees(lambda: studio.room.publications["alice:microphone"].is_flowing, "she is heard again")


async def test_a_client_holds_few_connections(studio: Studio) -> None:
    alice = TcpClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    streams = [alice.stream]
    for _ in range(10):
        alice._socket = None
        await alice.open(answer)
        await alice.check(answer, use_candidate=True)
        streams.append(alice.stream)
    await studio.sees(lambda: sum(stream.is_lost for stream in streams) == 3, "the oldest are closed")
    for stream in streams:
        stream.close()


def _port(studio: Studio) -> tcp.TcpPort:
    assert studio.plane._tcp is not None
    return studio.plane._tcp


async def _stranger(studio: Studio, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*_port(studio).address)
    writer.write(data)
    return reader, writer


@pytest.mark.parametrize(
    ("data", "counter"),
    [
        (frame(b"\x80" * 1400) * 3, "drop_tcp_unproven"),
        (b"\xff\xff", "drop_tcp_frame"),
        (b"GET / HTTP/1.1\r\n\r\n", "drop_tcp_frame"),
    ],
)
async def test_strangers_are_cut_off(studio: Studio, data: bytes, counter: str) -> None:
    reader, writer = await _stranger(studio, data)
    await studio.sees(lambda: studio.plane.counters[counter] == 1, counter)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    await studio.sees(lambda: not _port(studio).connections, "nothing is left")


async def test_who_proves_nothing_is_cut_off(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "PROOF_TIMEOUT_S", 0.02)
    alice = TcpClient()
    await studio.enter("alice", alice)
    _, writer = await _stranger(studio)
    await studio.sees(lambda: studio.plane.counters["drop_tcp_silent"] == 1, "the silent one is cut off")
    writer.close()
    assert not alice.stream.is_lost


async def test_connections_of_an_address_are_limited(studio: Studio) -> None:
    writers = [(await _stranger(studio))[1] for _ in range(tcp.MAX_UNPROVEN_PER_IP + 3)]
    await studio.sees(lambda: studio.plane.counters["drop_tcp_limit"] == 3, "three too many")
    for writer in writers:
        writer.close()
    await studio.sees(lambda: not _port(studio).connections, "all are closed")
    assert not _port(studio)._per_ip
    assert not _port(studio)._unproven
    await studio.enter("alice", TcpClient())


class _Deaf:
    """A listener that proves every connection and answers nothing."""

    def __init__(self) -> None:
        self.addresses: list[StreamAddress] = []

    def handle_datagram(self, _data: bytes, address: object, _now: float) -> None:
        assert isinstance(address, StreamAddress)
        address.stream.handle_admitted()
        self.addresses.append(address)

    def handle_drained(self) -> None: ...

    def handle_lost(self, _address: object) -> None: ...


@pytest.fixture
async def deaf() -> AsyncIterator[tuple[tcp.TcpPort, _Deaf]]:
    port, listener = tcp.TcpPort("127.0.0.1", 0, SystemClock(), Counters()), _Deaf()
    await port.start(listener)
    yield port, listener
    await port.close()


async def test_a_client_that_does_not_read_loses_pictures_first(deaf: tuple[tcp.TcpPort, _Deaf]) -> None:
    port, listener = deaf
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(port.address)
        client.sendall(frame(bytes(20)))
        async with asyncio.timeout(2):
            while not listener.addresses:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)
        (address,) = listener.addresses
        counters = port.counters
        written = 0
        while not counters["drop_tcp_video"]:
            address.stream.send(bytes(1200), True)
            written += 1
            assert written < 10_000, "the buffer is bounded"
        for _ in range(20):
            address.stream.send(memoryview(bytes(200)), False)
        assert counters["drop_tcp_full"] == 0, "sound still finds room"
        for _ in range(tcp.MAX_BUFFERED // 200):
            address.stream.send(bytes(200), False)
        assert counters["drop_tcp_full"] > 0
        (connection,) = port.connections
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() <= tcp.MAX_BUFFERED + 2 * 1500


@pytest.mark.parametrize(("variables", "expected"), [({"MEDIA_TCP": "0"}, 0), ({}, 1)])
async def test_tcp_can_be_switched_off(
    variables: dict[str, str], expected: int, clock: FrozenClock, tmp_path: Path
) -> None:
    settings = Settings.from_env(
        {"SERVER_URL": "http://127.0.0.1:1", "WORKER_TOKEN": "t", "MEDIA_TAP_DIR": str(tmp_path), **variables}
    )
    plane = MediaPlane(settings, lambda _event: None, clock)
    await plane.start()
    studio = Studio(plane, clock, [])
    answer = studio.offer("alice", TcpClient()).sdp
    assert len(set(CANDIDATE.findall(answer))) == expected
    await plane.close()


def test_a_port_that_is_taken_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        settings = Settings.from_env({"SERVER_URL": "http://x", "WORKER_TOKEN": "t", "MEDIA_PORT": str(number)})
        with pytest.raises(OSError, match="in use"):
            tcp.open_ports(settings, SystemClock(), Counters())
