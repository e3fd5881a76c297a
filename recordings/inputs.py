"""The tracks of a room as the tap shows them: which there are, their clocks, and their packets in order.

Knows nothing of the program: it gives sound to the mixer and coded pictures to whoever looks at a track.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from media.tap import SENDER_REPORT, TRACK, TrackInfo
from recordings.codecs.opus import OpusDecoder
from recordings.depacketise.h264 import H264Depacketiser
from recordings.depacketise.picture import CodedPicture, Depacketiser
from recordings.depacketise.vp8 import Vp8Depacketiser
from recordings.director import VideoSource
from recordings.mixer import RATE, Mixer
from recordings.reorder import ReorderBuffer
from recordings.rtp import RtpPacket, parse_rtp
from recordings.timeline import SenderClock, TrackClock

FOREVER_US = 1 << 62


class TrackInput:
    """One track. A new SSRC is a new stream: the sender connected again."""

    def __init__(self, info: TrackInfo, sender: SenderClock) -> None:
        self.info = info
        self.number = int(info["number"])
        self.last_packet_us = 0
        self.clock = TrackClock(int(info["clock_rate"]), sender)
        self._sender = sender
        self._ssrc: int | None = None
        self._former_ssrc: int | None = None
        self.reorder = ReorderBuffer()

    def accept(self, data: bytes, arrival_us: int) -> bool:
        """Whether the packet belongs to the track; it then waits for its turn."""
        packet = parse_rtp(data)
        if packet.payload_type != self.info["payload_type"]:
            return False
        if packet.ssrc != self._ssrc and not self._change_stream(packet):
            return False
        self.last_packet_us = arrival_us
        self.reorder.push(packet, arrival_us)
        return True

    def _change_stream(self, packet: RtpPacket) -> bool:
        if packet.ssrc == self._former_ssrc:
            return False
        if self._ssrc is not None:
            self.clock = TrackClock(int(self.info["clock_rate"]), self._sender)
            self.restart()
        self._former_ssrc, self._ssrc = self._ssrc, packet.ssrc
        return True

    def restart(self) -> None:
        self.reorder = ReorderBuffer()


class VoiceInput(TrackInput):
    """An audio track: Opus to samples in the mixer."""

    def __init__(self, info: TrackInfo, sender: SenderClock) -> None:
        super().__init__(info, sender)
        self._decoder = OpusDecoder()
        self._expected: int | None = None

    def speak(self, mixer: Mixer, origin_us: int, now_us: int) -> None:
        voice = mixer.voice(self.number)
        for item in self.reorder.pop(now_us):
            samples = self._decoder.decode(item.packet.payload)
            room_us = self.clock.to_room_us(item.packet.timestamp, item.arrival_us)
            gap = item.lost_before > 0 or item.packet.timestamp != self._expected
            self._expected = (item.packet.timestamp + len(samples)) & 0xFFFFFFFF
            if room_us >= origin_us:
                voice.write((room_us - origin_us) * RATE // 1_000_000, samples, after_gap=gap)

    def restart(self) -> None:
        super().restart()
        self._decoder = OpusDecoder()


class PictureInput(TrackInput):
    """A video track. Its packets are looked into only while somebody watches."""

    def __init__(self, info: TrackInfo, sender: SenderClock) -> None:
        super().__init__(info, sender)
        self.ended = False  # removed from the room; what it holds is still shown
        self.watched = True  # from its first packet, a keyframe, until it is known that nobody wants it
        self.streams = 0  # counts restarts: a transcoder of the former stream must not see the next one
        self.pictures: deque[tuple[int, CodedPicture]] = deque()
        self.last_keyframe_us = 0
        self.frozen = 0
        self._depacketiser = self._make()

    @property
    def screen(self) -> bool:
        return bool(self.info["source"] == "screen")

    @property
    def wants_keyframe(self) -> bool:
        return self._depacketiser.wants_keyframe

    def accept(self, data: bytes, arrival_us: int) -> bool:
        if self.watched:
            return super().accept(data, arrival_us)
        self.last_packet_us = arrival_us
        return True

    def watch(self) -> None:
        if not self.watched:
            self.restart()
            self.watched = True

    def unwatch(self) -> None:
        self.watched = False
        self.pictures.clear()

    def restart(self) -> None:
        super().restart()
        self.streams += 1
        self._depacketiser = self._make()

    def collect(self, now_us: int) -> None:
        """Packets whose turn has come become pictures with their room time."""
        for item in self.reorder.pop(now_us):
            frozen = self._depacketiser.wants_keyframe
            for picture in self._depacketiser.feed(item):
                room_us = self.clock.to_room_us(picture.timestamp, picture.arrival_us)
                if picture.keyframe:
                    self.last_keyframe_us = picture.arrival_us
                self.pictures.append((room_us, picture))
            self.frozen += self._depacketiser.wants_keyframe and not frozen

    def _make(self) -> Depacketiser:
        return Vp8Depacketiser() if self.info["codec"] == "VP8" else H264Depacketiser()


class Inputs:
    """All tracks of the room. ``refused`` counts what a track did not take."""

    def __init__(self) -> None:
        self.voices: dict[int, VoiceInput] = {}
        self.pictures: dict[int, PictureInput] = {}
        self.refused = 0
        self._senders: dict[str, SenderClock] = {}

    def set_tracks(self, infos: list[TrackInfo]) -> set[int]:
        """The whole table (a ``room`` event). Known tracks stay as they are; returns the numbers that went."""
        wanted = {int(info["number"]): info for info in infos}
        gone = {number for number, track in self._all().items() if wanted.get(number) != track.info}
        for number in gone:
            self.remove(number)
        for info in infos:
            self.add(info)
        return gone

    def add(self, info: TrackInfo, now_us: int = 0) -> None:
        """``now_us``: when it was announced: with its first packet, so that it is not silent until that is read."""
        number = int(info["number"])
        if number in self.voices or number in self.pictures:
            return
        sender = self._senders.setdefault(str(info["participant_id"]), SenderClock())
        if info["kind"] == "audio" and str(info["codec"]).lower() == "opus":
            self.voices[number] = VoiceInput(info, sender)
        elif info["kind"] == "video" and info["codec"] in ("H264", "VP8"):
            self.pictures[number] = PictureInput(info, sender)
            self.pictures[number].last_packet_us = now_us

    def remove(self, number: int) -> None:
        self.voices.pop(number, None)
        self.pictures.pop(number, None)

    def rtp(self, body: bytes, arrival_us: int) -> None:
        try:
            track = self._all_get(int.from_bytes(body[: TRACK.size], "big"))
            if track is None or not track.accept(body[TRACK.size :], arrival_us):
                self.refused += 1
        except (ValueError, IndexError):
            self.refused += 1

    def sender_report(self, body: bytes, arrival_us: int) -> None:
        if len(body) != SENDER_REPORT.size:
            self.refused += 1
            return
        number, ntp, rtp_time = SENDER_REPORT.unpack(body)
        if (track := self._all_get(number)) is not None:
            track.clock.report(ntp, rtp_time, arrival_us)

    def sources(self) -> list[VideoSource]:
        return [
            VideoSource(
                track.number,
                str(track.info["publication_id"]),
                str(track.info["participant_id"]),
                track.screen,
                track.last_packet_us,
            )
            for track in self.pictures.values()
        ]

    def collect(self, mixer: Mixer, origin_us: int, now_us: int) -> None:
        for voice in self.voices.values():
            voice.speak(mixer, origin_us, now_us)
        for track in self.pictures.values():
            if track.watched:
                track.collect(now_us)

    def snapshot(self) -> dict[str, Any]:
        """What a successor needs to go on: JSON-able, never changed afterwards."""
        return {
            "tracks": [track.info for track in self._all().values()],
            "reports": {str(number): track.clock.state for number, track in self._all().items()},
            "offsets": {name: clock.offset_us() for name, clock in self._senders.items() if clock.known},
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.set_tracks(snapshot["tracks"])
        for name, offset_us in snapshot["offsets"].items():
            self._senders.setdefault(name, SenderClock()).restore(int(offset_us))
        for number, track in self._all().items():
            track.clock.restore(snapshot["reports"].get(str(number)))

    def _all(self) -> dict[int, TrackInput]:
        return {**self.voices, **self.pictures}

    def _all_get(self, number: int) -> TrackInput | None:
        return self.voices.get(number) or self.pictures.get(number)
