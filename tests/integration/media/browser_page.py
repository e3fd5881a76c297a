"""Drives a page of real Chromium as a client: one offer, slots, publishing by replaceTrack, figures from getStats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from playwright.async_api import Browser, async_playwright

from media import control
from tests.integration.media.control_server import ControlServer, pictures_of

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
ALL_GRANTS = control.Grants(audio=True, video=True, screen=True)

_CREATE = """async ({simulcast, codec, videoSlots}) => {
  const pc = window.pc = new RTCPeerConnection({iceServers: [], bundlePolicy: 'max-bundle'});
  const init = {direction: 'sendonly'};
  const encodings = [{rid: 'q', scaleResolutionDownBy: 4}, {rid: 'h', scaleResolutionDownBy: 2}, {rid: 'f'}];
  window.mic = pc.addTransceiver('audio', init);
  window.cam = pc.addTransceiver('video', simulcast ? {...init, sendEncodings: encodings} : init);
  window.screenLine = pc.addTransceiver('video', init);
  window.screenAudio = pc.addTransceiver('audio', init);
  if (codec) {
    const all = RTCRtpReceiver.getCapabilities('video').codecs;
    cam.setCodecPreferences(all.filter(c => c.mimeType === codec || c.mimeType === 'video/rtx'));
  }
  for (let i = 0; i < 3; i++) pc.addTransceiver('audio', {direction: 'recvonly'});
  for (let i = 0; i < videoSlots; i++) pc.addTransceiver('video', {direction: 'recvonly'});
  pc.ontrack = e => {
    const element = document.createElement(e.track.kind);
    element.autoplay = true; element.muted = e.track.kind === 'video';
    element.srcObject = new MediaStream([e.track]); document.body.append(element);
  };
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}"""
_PUBLISH = """async ({video, audio}) => {
  const stream = await navigator.mediaDevices.getUserMedia({audio, video: video && {width: 1280, height: 720}});
  if (audio) await mic.sender.replaceTrack(stream.getAudioTracks()[0]);
  if (video) await cam.sender.replaceTrack(stream.getVideoTracks()[0]);
}"""
_STATS = """async () => {
  const found = {state: pc.connectionState, inbound: [], outbound: [], codecs: {}, pathChanges: 0};
  (await pc.getStats()).forEach(s => {
    if (s.type === 'codec') found.codecs[s.id] = s.mimeType;
    if (s.type === 'inbound-rtp') found.inbound.push(s);
    if (s.type === 'outbound-rtp') found.outbound.push(s);
    if (s.type === 'transport') found.pathChanges = s.selectedCandidatePairChanges;
  });
  return found;
}"""


class ClientPage(Protocol):
    """What a client needs of a tab of whichever browser."""

    async def evaluate(self, expression: str, arg: Any = None, /) -> Any: ...


class BrowserClient:
    """One participant in one page."""

    def __init__(self, page: ClientPage, server: ControlServer, room_id: str, participant_id: str) -> None:
        self.page = page
        self.server = server
        self.room_id = room_id
        self.id = participant_id
        self.answer: dict[str, Any] = {}

    async def join(self, simulcast: bool = False, codec: str | None = None, video_slots: int = 2) -> dict[str, Any]:
        sdp = await self.page.evaluate(_CREATE, {"simulcast": simulcast, "codec": codec, "videoSlots": video_slots})
        return await self.exchange(sdp)

    async def exchange(self, sdp: str) -> dict[str, Any]:
        """Carries an offer to the worker and its answer to the page."""
        self.answer = await self.server.call(
            control.TransportOffer(room_id=self.room_id, participant_id=self.id, sdp=sdp, grants=ALL_GRANTS)
        )
        await self.page.evaluate("sdp => pc.setRemoteDescription({type: 'answer', sdp})", self.answer["sdp"])
        return self.answer

    async def restart_ice(self) -> None:
        await self.exchange(await self.offer_restart())

    async def offer_restart(self) -> str:
        """From now on the browser looks for a path, with our old credentials until ``exchange`` brings it new ones."""
        sdp = await self.page.evaluate(
            "async () => { pc.restartIce(); await pc.setLocalDescription(); return pc.localDescription.sdp }"
        )
        return str(sdp)

    async def add_video_slots(self, count: int) -> dict[str, Any]:
        """A repeated offer with more lines, as when a window grows."""
        sdp = await self.page.evaluate(
            """async count => {
              for (let i = 0; i < count; i++) pc.addTransceiver('video', {direction: 'recvonly'});
              await pc.setLocalDescription(); return pc.localDescription.sdp;
            }""",
            count,
        )
        return await self.exchange(sdp)

    async def share_screen(self) -> None:
        """A moving canvas and a tone stand for a window with sound."""
        await self.page.evaluate(
            """async () => {
              const canvas = document.createElement('canvas'); canvas.width = 800; canvas.height = 600;
              const context = canvas.getContext('2d'); let step = 0;
              const paint = () => { context.fillStyle = `hsl(${step++}, 80%, 50%)`; context.fillRect(0, 0, 800, 600); };
              setInterval(paint, 50);
              const audio = new AudioContext(), tone = audio.createOscillator();
              const target = audio.createMediaStreamDestination(); tone.connect(target); tone.start();
              await screenLine.sender.replaceTrack(canvas.captureStream(20).getVideoTracks()[0]);
              await screenAudio.sender.replaceTrack(target.stream.getAudioTracks()[0]);
            }"""
        )

    async def publish(self, video: bool = True, audio: bool = True) -> None:
        await self.page.evaluate(_PUBLISH, {"video": video, "audio": audio})

    async def view(self, *publication_ids: str) -> dict[str, Any]:
        return await self.server.call(
            control.ViewSet(room_id=self.room_id, participant_id=self.id, pictures=pictures_of(publication_ids))
        )

    async def stats(self) -> dict[str, Any]:
        found = await self.page.evaluate(_STATS)
        assert isinstance(found, dict)
        return found

    async def inbound(self, kind: str, field: str) -> list[int]:
        """One figure of each receiver of this kind that has got packets."""
        return [
            item.get(field, 0)
            for item in (await self.stats())["inbound"]
            if item["kind"] == kind and item.get("packetsReceived", 0) > 0
        ]

    async def outbound(self, kind: str, field: str) -> list[int]:
        return [item.get(field, 0) for item in (await self.stats())["outbound"] if item["kind"] == kind]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()
