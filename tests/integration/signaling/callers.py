"""Participants with real media over real signaling: aiortc's RTCPeerConnection, python-socketio, ``python -m media``.

What somebody receives is counted at the receiver, packet by packet, never by the server's own counters.
"""

from __future__ import annotations

import asyncio
import fractions
import os
import signal
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import av
import numpy
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamTrack

from tests.integration.media.bots import Tone
from tests.integration.signaling.guest import Guest, until
from tests.integration.signaling.house import TOKEN, House


class SmallPicture(VideoStreamTrack):
    """25 small frames a second: real VP8 at little cost."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0.04)
        self._number += 1
        pixels = numpy.full((96, 128, 3), self._number * 5 % 255, dtype=numpy.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = self._number * 3600, fractions.Fraction(1, 90_000)
        return frame


class Caller:
    """One device: its socket and its peer connection."""

    def __init__(self, guest: Guest, **configuration: Any) -> None:
        self.guest = guest
        self.pc = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE, **configuration))
        self.frames = 0
        self._slots: list[RTCRtpTransceiver] = []
        self._shown: dict[str, RTCRtpTransceiver] = {}  # publication → slot
        self._tasks: set[asyncio.Task[None]] = set()
        self.pc.on("track", self._on_track)

    @property
    def camera(self) -> str:
        return f"{self.guest.me}:camera"

    async def call(self, *, publish: bool, slots: int = 2) -> None:
        """The offer, and with ``publish`` a tone and a picture: on lines whatever the grants say."""
        if publish:
            self.pc.addTransceiver(Tone(1000), direction="sendonly")
            self.pc.addTransceiver(SmallPicture(), direction="sendonly")
        for _ in range(slots):
            self.pc.addTransceiver("audio", direction="recvonly")
            self._slots.append(self.pc.addTransceiver("video", direction="recvonly"))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        answer = await self.guest.do("transport.offer", sdp=self.pc.localDescription.sdp)
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def announce(self) -> None:
        for source in ("microphone", "camera"):
            await self.guest.do("publication.add", source=source)

    async def view(self, *publication_ids: str) -> None:
        pictures = [{"publication_id": one} for one in publication_ids]
        slots = (await self.guest.do("view.set", pictures=pictures))["slots"]
        by_mid = {slot.mid: slot for slot in self._slots}
        self._shown = {slot["publication_id"]: by_mid[slot["mid"]] for slot in slots if slot["publication_id"]}

    def name_slot(self, name: str) -> None:
        """What comes in the only video slot, whatever it is."""
        (self._shown[name],) = self._slots

    async def received(self, publication_id: str) -> int:
        """Video packets that arrived in the slot of this publication."""
        return await _packets(self._shown[publication_id])

    async def lost(self, publication_id: str) -> int:
        report = await self._shown[publication_id].receiver.getStats()
        return sum(stats.packetsLost for stats in report.values() if stats.type == "inbound-rtp")

    @property
    def media_port(self) -> int:
        """Where the media worker that answered listens."""
        line = next(line for line in self.pc.remoteDescription.sdp.splitlines() if line.startswith("a=candidate"))
        return int(line.split()[5])

    async def received_at_all(self) -> int:
        return sum([await _packets(transceiver) for transceiver in self.pc.getTransceivers()])

    async def receives(self, publication_id: str, count: int, what: str, deadline_s: float = 15.0) -> None:
        """Waits until so many more packets of it have come."""
        begin = await self.received(publication_id)
        end = asyncio.get_running_loop().time() + deadline_s
        while await self.received(publication_id) - begin < count:
            assert asyncio.get_running_loop().time() < end, f"still waiting: {what}"
            await asyncio.sleep(0.02)

    async def again(self, *, publish: bool) -> Caller:
        """A new peer connection on the same socket, as after ``media.moved``."""
        await self.hang_up()
        fresh = Caller(self.guest)
        await fresh.call(publish=publish)
        return fresh

    async def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pc.close()

    def vanish(self) -> None:
        """The network is gone for this device: nothing more is sent or answered, no farewell."""
        transport: Any = self.pc.getTransceivers()[0].sender.transport.transport

        async def swallow(_data: bytes) -> None:
            return

        transport._connection.send = transport._send = swallow
        for pair in transport._connection._nominated.values():
            pair.protocol.send_stun = lambda _message, _address: None
        self.guest.vanish()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.create_task(self._drain(track)))

    async def _drain(self, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            self.frames += 1


async def _packets(transceiver: RTCRtpTransceiver) -> int:
    report = await transceiver.receiver.getStats()
    return sum(stats.packetsReceived for stats in report.values() if stats.type == "inbound-rtp")


class MediaProcesses:
    """Real media workers of a house, each a process."""

    def __init__(self, house: House, folder: Path) -> None:
        self._house = house
        self._folder = folder
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self._ports: dict[int, str] = {}

    def at(self, port: int) -> str:
        """Which worker listens there."""
        return self._ports[port]

    async def start(self, worker_id: str, **variables: str) -> None:
        tap = self._folder / worker_id
        tap.mkdir(exist_ok=True)
        port = _free_port()
        self._ports[port] = worker_id
        environment = {
            **os.environ,
            "SERVER_URL": self._house.url,
            "WORKER_TOKEN": TOKEN,
            "WORKER_ID": worker_id,
            "MEDIA_TAP_DIR": str(tap),
            "MEDIA_PORT": str(port),
            **variables,
        }
        before = self._house.services.media.count
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "media", env=environment)
        self.processes[worker_id] = process
        await until(lambda: self._house.services.media.count > before, f"{worker_id} is here", 20)

    async def kill(self, worker_id: str) -> None:
        process = self.processes.pop(worker_id)
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def stop(self) -> None:
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                await process.wait()


def _free_port() -> int:
    """For UDP and TCP: a worker listens on both."""
    while True:
        with closing(socket.socket()) as stream, closing(socket.socket(type=socket.SOCK_DGRAM)) as datagram:
            stream.bind(("127.0.0.1", 0))
            with suppress(OSError):
                datagram.bind(stream.getsockname())
                return int(stream.getsockname()[1])
