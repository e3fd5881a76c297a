"""A living room while its port is flooded with what nobody should send, by strangers and from a client's own address.

HOSTILE_DATAGRAMS says how many (200,000; a million in ``make soak``), HOSTILE_PER_S how fast. The last line that is
printed is JSON with the lag of the worker's loop; what is asserted is that nothing was lost by it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media import control
from media.sdp.offer import parse_offer
from tests.integration.media.browser_page import ALL_GRANTS
from tests.integration.media.control_server import ControlServer, pictures_of, until
from tests.unit.media.conftest import rtp
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import CAMERA, MICROPHONE, packet_of
from tests.unit.media.test_stun import request

pytestmark = pytest.mark.integration
COUNT = int(os.environ.get("HOSTILE_DATAGRAMS", "200000"))
PER_S = int(os.environ.get("HOSTILE_PER_S", "30000"))
STRANGERS = 8
PACKET_EVERY_S = 0.01
CHECK_EVERY_S = 1.0
MIN_DELIVERED = 0.9  # sender and receivers share a machine with the flood
USED = ("stun_in", "dtls_in", "rtp_in", "rtcp_in", "stun_role_conflict")


class Member:
    """A client that stays: it sends what keeps a path alive, and media if it publishes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client = RawClient()
        self.answer = ""
        self.sent = 0

    async def join(self, server: ControlServer) -> None:
        offer = control.TransportOffer(room_id="r", participant_id=self.name, sdp=self.client.offer, grants=ALL_GRANTS)
        self.answer = (await server.call(offer))["sdp"]
        await self.client.connect(self.answer)
        await until(lambda: server.seen("transport.changed", participant_id=self.name, state="connected"), self.name)

    async def stay(self) -> None:
        parsed = parse_offer(self.answer)
        while True:
            self.client.send_raw(request(f"{parsed.ice_ufrag}:x", parsed.ice_pwd, True))
            await asyncio.sleep(CHECK_EVERY_S)

    async def publish(self) -> None:
        while True:
            self.sent += 1
            picture = b"\x67key" if self.sent % 100 == 1 else b"\x41" + self.sent.to_bytes(4, "big")
            self.client.send(packet_of(self.client, CAMERA, self.sent, picture))
            self.client.send(packet_of(self.client, MICROPHONE, self.sent))
            await asyncio.sleep(PACKET_EVERY_S)

    @property
    def pictures(self) -> int:
        return sum(packet[1] & 0x7F == 108 for packet in self.client.rtp)


@pytest.fixture
async def members(server: ControlServer, worker: asyncio.subprocess.Process) -> AsyncIterator[list[Member]]:
    """A publisher and two viewers."""
    await server.call(control.RoomOpen(room_id="r"))
    people = [Member(name) for name in ("alice", "bob", "carol")]
    for person in people:
        await person.join(server)
    for viewer in people[1:]:
        wanted = pictures_of(("alice:camera",))
        await server.call(control.ViewSet(room_id="r", participant_id=viewer.name, pictures=wanted))
    tasks = [asyncio.create_task(person.stay()) for person in people]
    tasks.append(asyncio.create_task(people[0].publish()))
    await until(lambda: all(viewer.pictures > 50 for viewer in people[1:]), "pictures before the flood")
    yield people
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for person in people:
        await person.client.close()


async def _flood(address: tuple[str, int], member: Member, strangers: list[socket.socket]) -> dict[str, int]:
    """From strangers, and from the member's own socket, in a process of its own."""
    parsed = parse_offer(member.answer)
    own = member.client._socket.get_extra_info("socket").fileno()
    descriptors = [own, own, *(item.fileno() for item in strangers)]
    protected = b"\x80\xe0\0\1" + bytes(40)
    task = {
        "address": address,
        "descriptors": descriptors,
        "ufrag": parsed.ice_ufrag,
        "replays": [request(f"{parsed.ice_ufrag}:x", parsed.ice_pwd, True).hex(), rtp(1).hex(), protected.hex()],
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.media.hostile", str(COUNT), str(PER_S), "1"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=set(descriptors),
    )
    output, _ = await process.communicate(json.dumps(task).encode())
    assert process.returncode == 0
    found: dict[str, int] = json.loads(output.splitlines()[-1])
    return found


def _kernel_drops(port: int) -> int:
    """Datagrams to this port that found the socket's buffer full (Linux)."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port:
            return int(fields[-1])
    return 0


def _accounted(counters: dict[str, int]) -> int:
    drops = sum(value for name, value in counters.items() if name.startswith("drop_"))
    return drops + sum(counters.get(name, 0) for name in USED)


async def test_a_flood_of_hostile_datagrams_costs_no_session(server: ControlServer, members: list[Member]) -> None:
    alice, *viewers = members
    line = next(item for item in alice.answer.splitlines() if " udp " in item).split()
    address = (line[4], int(line[5]))
    await until(lambda: server.counters.get("loop_lag_max_us"), "statistics", 15)
    quiet_lag_ms = server.counters["loop_lag_p99_us"] / 1000
    accounted, stats_seen = _accounted(server.counters), len(server.seen(control.WorkerStats.NAME))
    sent_before, seen_before = alice.sent, [viewer.pictures for viewer in viewers]
    strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(STRANGERS)]
    try:
        flood = await _flood(address, alice, strangers)
    finally:
        for opened in strangers:
            opened.close()
    sent, seen = alice.sent - sent_before, [viewer.pictures for viewer in viewers]
    before_quiet = len(server.seen(control.WorkerStats.NAME))
    await until(lambda: len(server.seen(control.WorkerStats.NAME)) > before_quiet, "statistics after the flood", 15)
    stats = [item["counters"] for item in server.seen(control.WorkerStats.NAME)[stats_seen:]]
    delivered = [(after - before) / sent for after, before in zip(seen, seen_before, strict=True)]
    hostile = sum(value for name, value in flood.items() if name not in ("refused", "seconds"))
    report = {
        "hostile_datagrams": hostile,
        "seconds": flood["seconds"],
        "sessions_lost": sum(len(server.seen("transport.changed", state=state)) for state in ("away", "closed")),
        "pictures_sent": sent,
        "delivered": [round(share, 4) for share in delivered],
        "kernel_drops": _kernel_drops(address[1]),
        "loop_lag_p99_before_ms": quiet_lag_ms,
        "loop_lag_p99_ms": max(item["loop_lag_p99_us"] for item in stats) / 1000,
        "loop_lag_max_ms": max(item["loop_lag_max_us"] for item in stats) / 1000,
        "drops": {name: value for name, value in stats[-1].items() if name.startswith("drop_")},
    }
    sys.stdout.write(json.dumps(report) + "\n")
    assert report["sessions_lost"] == 0
    assert not server.seen("transport.changed", state="unstable")
    assert stats[-1]["connected"] == len(members)
    assert min(delivered) >= MIN_DELIVERED, "media goes on"
    assert not [name for name in stats[-1] if name.startswith("fault_")], "nothing hostile is an exception"
    assert _accounted(stats[-1]) - accounted >= hostile - report["kernel_drops"], "every drop is counted"
    late = viewers[0].pictures
    await until(lambda: viewers[0].pictures > late + 50, "pictures go on afterwards")
