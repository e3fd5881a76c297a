"""Participants without a browser: aiortc's RTCPeerConnection as publisher and viewer."""

from __future__ import annotations

import asyncio
import fractions
from typing import Any

import av
import numpy
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamTrack

from media import control
from tests.integration.media.control_server import ControlServer, pictures_of


class Tone(AudioStreamTrack):
    """A sine tone in 20 ms frames."""

    def __init__(self, frequency_hz: float) -> None:
        super().__init__()
        self._frequency = frequency_hz
        self._samples = 0

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(0.02)
        at = numpy.arange(self._samples, self._samples + 960)
        wave = (numpy.sin(at * 2 * numpy.pi * self._frequency / 48000) * 12000).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48000
        frame.pts = self._samples
        frame.time_base = fractions.Fraction(1, 48000)
        self._samples += 960
        return frame


class Bot:
    """One participant. Frames of every track are counted by kind."""

    def __init__(self, server: ControlServer, room_id: str, participant_id: str) -> None:
        self._server = server
        self.room_id = room_id
        self.id = participant_id
        self.pc = RTCPeerConnection()
        self.frames: dict[str, int] = {"audio": 0, "video": 0}
        self.loudest_hz = 0.0
        self.answer: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.pc.on("track", self._on_track)

    async def join(self, publish: bool, grants: control.Grants | None = None, slots: int = 1) -> None:
        if publish:
            self.pc.addTransceiver(Tone(1000), direction="sendonly")
            self.pc.addTransceiver(VideoStreamTrack(), direction="sendonly")
        for _ in range(slots):
            self.pc.addTransceiver("audio", direction="recvonly")
            self.pc.addTransceiver("video", direction="recvonly")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self.answer = await self._server.call(
            control.TransportOffer(
                room_id=self.room_id,
                participant_id=self.id,
                sdp=self.pc.localDescription.sdp,
                grants=grants or control.Grants(audio=True, video=True, screen=True),
            )
        )
        await self.pc.setRemoteDescription(RTCSessionDescription(self.answer["sdp"], "answer"))

    async def view(self, *publication_ids: str) -> None:
        await self._server.call(
            control.ViewSet(room_id=self.room_id, participant_id=self.id, pictures=pictures_of(publication_ids))
        )

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pc.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._count(track))
        self._tasks.add(task)

    async def _count(self, track: MediaStreamTrack) -> None:
        while True:
            frame: Any = await track.recv()
            self.frames[track.kind] += 1
            if track.kind == "audio":
                samples = frame.to_ndarray().reshape(-1)[::2]
                spectrum = numpy.abs(numpy.fft.rfft(samples))
                if spectrum.max() > 1e5:
                    self.loudest_hz = float(spectrum.argmax() * 48000 / samples.size)
