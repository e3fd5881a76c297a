"""A media worker's tap without a media worker: a room with synthetic senders in real time, and the ring of 5 s."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from media.tap import EVENT, RTP, SENDER_REPORT, SR, TRACK, TapFrame, TapHello, TapRequest, encode_frame
from tests.integration.recordings.publishers import Camera, Microphone

KEPT_US = 5_000_000
NTP_EPOCH_S = 2_208_988_800
REPORT_EVERY_S = 1.0
PACE_S = 0.005


class Sender:
    """One participant; its NTP clock is wrong by ``clock_error_s`` and everything it sends arrives ``delay_s`` late."""

    def __init__(self, name: str, clock_error_s: float = 0.0) -> None:
        self.name = name
        self.clock_error_s = clock_error_s
        self.camera: Camera | None = None
        self.microphone: Microphone | None = None
        self.camera_number = self.microphone_number = 0
        self.camera_on = True
        self.lose: Callable[[bytes], bool] = lambda _packet: False
        self._reported_s = 0.0
        self._next_picture = 0

    def due(self, room: TapSource, media_s: float) -> None:
        """Sends what is due at ``media_s`` of the room."""
        while self.microphone is not None:
            if self.microphone._position / 48_000 > media_s:
                break
            _, packet = self.microphone.packet()
            room.rtp(self.microphone_number, packet)
        while self.camera is not None and self._next_picture / self.camera.fps <= media_s:
            picture_s = self._next_picture / self.camera.fps
            self._next_picture += 1
            if self.camera_on:
                for packet in self.camera.packets(picture_s):
                    if not self.lose(packet):
                        room.rtp(self.camera_number, packet)
        if media_s - self._reported_s >= REPORT_EVERY_S:
            self._reported_s = media_s
            self._report(room, media_s)

    def _report(self, room: TapSource, media_s: float) -> None:
        ntp_s = room.began_s + media_s + self.clock_error_s + NTP_EPOCH_S
        for number, device in ((self.microphone_number, self.microphone), (self.camera_number, self.camera)):
            if device is not None:
                body = SENDER_REPORT.pack(number, int(ntp_s * 2**32), device.stream.rtp_time(media_s))
                room.frame(SR, body)


class TapSource:
    """Listens on a unix socket; ``address`` is what ``recording.start`` names."""

    def __init__(self, folder: Path, token: str, room_id: str = "room-1") -> None:
        self.max_backlog = 16 << 20  # a recorder that falls further behind is cut off, as by a media worker
        self.path = folder / "tap.sock"
        self.address = f"unix:{self.path}"
        self.room_id = room_id
        self.senders: list[Sender] = []
        self.keyframe_requests: list[int] = []
        self.watched: tuple[str, ...] | None = None
        self.hellos: list[TapHello] = []
        self.began_s = 0.0
        self._began_mono = 0.0
        self._token = token
        self._tracks: dict[int, dict[str, Any]] = {}
        self._ring: deque[TapFrame] = deque()
        self._sequence = 1000
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        self.began_s, self._began_mono = time.time(), time.monotonic()
        self._task = asyncio.create_task(self._send())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    @property
    def media_s(self) -> float:
        return time.monotonic() - self._began_mono

    def join(self, sender: Sender, source: str = "camera") -> Sender:
        """Its clock starts with the room's; what it would have sent before is not sent."""
        media_s = self.media_s if self._task else 0.0
        if sender.microphone is not None:
            sender.microphone._position = round(media_s * 50) * 960
            sender.microphone_number = self._add(sender, "microphone", "audio", "opus", 48_000, 111)
        if sender.camera is not None:
            sender._next_picture = int(media_s * sender.camera.fps) + 1
            camera = sender.camera
            sender.camera_number = self._add(sender, source, "video", camera.codec, 90_000, camera.payload_type)
        sender._reported_s = media_s
        self.senders.append(sender)
        return sender

    def leave(self, sender: Sender) -> None:
        self.senders.remove(sender)
        for number in (sender.microphone_number, sender.camera_number):
            if self._tracks.pop(number, None):
                self.event({"event": "track_removed", "number": number})

    def speakers(self, *names: str) -> None:
        self.event({"event": "speakers", "participant_ids": list(names)})

    # --- frames -------------------------------------------------------------------------------------------------------

    def rtp(self, number: int, packet: bytes) -> None:
        self.frame(RTP, TRACK.pack(number) + packet)

    def event(self, event: dict[str, Any]) -> None:
        self.frame(EVENT, json.dumps(event).encode())

    def frame(self, kind: int, body: bytes) -> None:
        self._sequence += 1
        frame = TapFrame(kind, self._sequence, int(time.time() * 1_000_000), body)
        self._ring.append(frame)
        while self._ring[0].arrival_us < frame.arrival_us - KEPT_US:
            self._ring.popleft()
        for writer in self._writers:
            if writer.transport.get_write_buffer_size() > self.max_backlog:
                writer.transport.abort()
            elif not writer.is_closing():
                writer.write(encode_frame(*frame))

    def _add(self, sender: Sender, source: str, kind: str, codec: str, rate: int, payload_type: int) -> int:
        number = len(self._tracks) + 1 + self._sequence
        track = {
            "number": number, "publication_id": f"{sender.name}:{source}", "participant_id": sender.name,
            "source": source, "kind": kind, "codec": codec, "clock_rate": rate, "payload_type": payload_type,
        }  # fmt: skip
        self._tracks[number] = track
        self.event({"event": "track_added", "track": track})
        return number

    async def _send(self) -> None:
        while True:
            media_s = self.media_s
            for sender in list(self.senders):
                sender.due(self, media_s)
            await asyncio.sleep(PACE_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = TapHello.model_validate_json(await reader.readline())
        self.hellos.append(hello)
        if hello.token != self._token or hello.room_id != self.room_id:
            writer.close()
            return
        self._welcome(writer, hello.after)
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                request = TapRequest.model_validate_json(line)
                if request.op == "watch":
                    self.watched = request.publication_ids
                    continue
                self.keyframe_requests.append(request.track)
                for sender in self.senders:
                    if sender.camera is not None and sender.camera_number == request.track:
                        sender.camera.keyframe_wanted = True
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _welcome(self, writer: asyncio.StreamWriter, after: int | None) -> None:
        first = self._ring[0].sequence if self._ring else self._sequence + 1
        held = after is not None and first - 1 <= after <= self._sequence
        start = self._sequence if after is None else after if held else first - 1
        events: list[dict[str, Any]] = [
            {"event": "room", "room_id": self.room_id, "tracks": list(self._tracks.values())}
        ]
        if after is not None and not held:
            events.append({"event": "resync"})
        for event in events:
            writer.write(encode_frame(EVENT, start, int(time.time() * 1_000_000), json.dumps(event).encode()))
        for frame in self._ring:
            if frame.sequence > start:
                writer.write(encode_frame(*frame))
