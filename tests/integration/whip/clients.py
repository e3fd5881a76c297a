"""Clients of the ways in and out: an encoder process; aiortc as WHIP and WHEP client, and as a viewer in the room."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack, VideoStreamTrack

from tests.integration.media.bots import Tone
from tests.integration.signaling.guest import Guest
from tests.integration.whip.encoder import picture

ROOT = Path(__file__).parents[3]
SDP = "application/sdp"


class Grey(VideoStreamTrack):
    """The encoder's picture."""

    def __init__(self, brightness: int) -> None:
        super().__init__()
        self._brightness = brightness
        self._number = 0

    async def recv(self) -> Any:
        frame = picture(self._number, self._brightness)
        frame.pts, frame.time_base = await self.next_timestamp()
        self._number += 1
        return frame


class Eyes:
    """What the tracks of one connection bring: how many frames, and how bright the last picture is."""

    def __init__(self, pc: RTCPeerConnection) -> None:
        self.frames = {"audio": 0, "video": 0}
        self.brightness = 0
        self._tasks: set[asyncio.Task[None]] = set()
        pc.on("track", self._watch)

    def _watch(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.create_task(self._look(track)))

    async def _look(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            self.frames[track.kind] += 1
            if track.kind == "video":
                middle = bytes(frame.planes[0])
                self.brightness = sorted(middle[:: len(middle) // 99])[49]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Session:
    """One WHIP or WHEP session of aiortc."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self.resource = ""
        self.pc = RTCPeerConnection()
        self.eyes = Eyes(self.pc)

    @property
    def session_id(self) -> str:
        return self.resource.rpartition("/")[2]

    async def publish(self, brightness: int) -> aiohttp.ClientResponse:
        self.pc.addTransceiver(Tone(700), direction="sendonly")
        self.pc.addTransceiver(Grey(brightness), direction="sendonly")
        return await self._post()

    async def play(self) -> aiohttp.ClientResponse:
        self.pc.addTransceiver("audio", direction="recvonly")
        self.pc.addTransceiver("video", direction="recvonly")
        return await self._post()

    async def _post(self) -> aiohttp.ClientResponse:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        answer = await post(self.url, self.token, self.pc.localDescription.sdp)
        if answer.status == 201:
            self.resource = answer.headers["Location"]
            await self.pc.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
        return answer

    async def close(self) -> None:
        await self.eyes.close()
        await self.pc.close()


class Viewer:
    """A member's page, as far as media go."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.pc = RTCPeerConnection()
        self.eyes = Eyes(self.pc)

    async def connect(self) -> None:
        self.pc.addTransceiver("audio", direction="recvonly")
        self.pc.addTransceiver("video", direction="recvonly")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        answer = await self.guest.do("transport.offer", sdp=self.pc.localDescription.sdp)
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def look_at(self, publication_id: str) -> None:
        await self.guest.do("view.set", pictures=[{"publication_id": publication_id, "height_px": 0}])

    async def close(self) -> None:
        await self.eyes.close()
        await self.pc.close()


async def post(url: str, token: str | None, sdp: str, content_type: str = SDP) -> aiohttp.ClientResponse:
    headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
    return await request("POST", url, data=sdp.encode(), headers=headers)


async def request(method: str, url: str, **more: Any) -> aiohttp.ClientResponse:
    """The answer, read."""
    async with aiohttp.ClientSession() as session, session.request(method, url, **more) as answer:
        await answer.read()
        return answer


@asynccontextmanager
async def encoder(url: str, token: str, brightness: int, **options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """FFmpeg sends until the block ends; it then says goodbye by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.whip.encoder", url, token, str(brightness), json.dumps(options)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
