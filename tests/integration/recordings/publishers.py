"""Synthetic senders: moving pictures with a frame counter and a flash, Opus with a tone or a beep, as RTP."""

from __future__ import annotations

import math
import random
import struct
from array import array
from collections.abc import Iterator
from fractions import Fraction

import av
from av.video.frame import PictureType

from recordings.avc import PPS, SPS, split_annex_b

av.logging.set_level(None)

MAX_PAYLOAD = 1100
RATE = 48_000
FRAME_SAMPLES = 960
COUNTER_BITS = 16
FLASH_EVERY_S, FLASH_S = 2.0, 0.25
DARK, BRIGHT = 40, 235


class Stream:
    """RTP header state of one SSRC."""

    def __init__(self, payload_type: int, clock_rate: int, seed: int) -> None:
        chance = random.Random(seed)
        self.clock_rate = clock_rate
        self._payload_type = payload_type
        self._ssrc = chance.getrandbits(32)
        self._sequence = chance.getrandbits(16)
        self._base = chance.getrandbits(32)

    def rtp_time(self, media_s: float) -> int:
        return (self._base + round(media_s * self.clock_rate)) & 0xFFFFFFFF

    def packet(self, payload: bytes, media_s: float, marker: bool) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        second = self._payload_type | (0x80 if marker else 0)
        return struct.pack("!BBHII", 0x80, second, self._sequence, self.rtp_time(media_s), self._ssrc) + payload


class Camera:
    """Draws and encodes one picture at a time; a keyframe first and whenever one is asked for."""

    def __init__(self, codec: str, width: int, height: int, fps: int, seed: int, phase: float = 0.0) -> None:
        self.codec, self.fps = codec, fps
        self.payload_type = 96 if codec == "H264" else 97
        self.stream = Stream(self.payload_type, 90_000, seed)
        self.keyframe_wanted = True
        self.counter = 0
        self._phase = phase
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        context: av.VideoCodecContext
        if self.codec == "H264":
            context = av.VideoCodecContext.create("libx264", "w")
        else:
            context = av.VideoCodecContext.create("libvpx", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 90_000), Fraction(self.fps)
        context.thread_count = 1
        if self.codec == "H264":
            context.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline",
                               "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1"}  # fmt: skip
        else:
            context.bit_rate = 600_000
            context.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        self._context = context
        self.keyframe_wanted = True

    def packets(self, media_s: float) -> list[bytes]:
        """The packets of the picture shown at ``media_s``."""
        frame = self._draw(media_s)
        frame.pict_type = PictureType.I if self.keyframe_wanted else PictureType.NONE
        self.keyframe_wanted = False
        self.counter += 1
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        payloads = list(h264_payloads(data) if self.codec == "H264" else vp8_payloads(data))
        last = len(payloads) - 1
        return [self.stream.packet(payload, media_s, index == last) for index, payload in enumerate(payloads)]

    def _draw(self, media_s: float) -> av.VideoFrame:
        flash = (media_s - self._phase) % FLASH_EVERY_S < FLASH_S
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        frame.pts, frame.time_base = round(media_s * 90_000), Fraction(1, 90_000)
        luma = frame.planes[0]
        rows = bytearray([BRIGHT if flash else DARK]) * luma.buffer_size
        block = self.width // COUNTER_BITS
        strip = bytearray(luma.line_size)
        for bit in range(COUNTER_BITS):
            strip[bit * block : (bit + 1) * block] = bytes([BRIGHT if self.counter >> bit & 1 else 16]) * block
        for line in range(self.height // 8):
            rows[line * luma.line_size : (line + 1) * luma.line_size] = strip
        luma.update(bytes(rows))
        for plane in frame.planes[1:]:
            plane.update(bytes([128]) * plane.buffer_size)
        return frame


def read_counter(top_line: bytes) -> int:
    """The frame number that ``Camera`` drew."""
    block = len(top_line) // COUNTER_BITS
    bits = [top_line[bit * block + block // 2] > 128 for bit in range(COUNTER_BITS)]
    return sum(1 << bit for bit, is_set in enumerate(bits) if is_set)


class Microphone:
    """Opus at 20 ms: a steady tone, or a beep with every flash of a camera."""

    payload_type = 111

    def __init__(self, tone_hz: float, seed: int, beeps: bool = False, amplitude: int = 9000) -> None:
        self.stream = Stream(self.payload_type, RATE, seed)
        self._tone_hz = tone_hz
        self._beeps = beeps
        self._amplitude = amplitude
        self._context = av.AudioCodecContext.create("libopus", "w")
        self._context.sample_rate, self._context.layout, self._context.format = RATE, "mono", "s16"
        self._context.time_base = Fraction(1, RATE)
        self._context.options = {"application": "audio", "frame_duration": "20"}
        self._context.open()
        self._position = 0

    def packet(self) -> tuple[float, bytes]:
        """The next 20 ms: when they were spoken, and their packet."""
        media_s = self._position / RATE
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._position, Fraction(1, RATE)
        frame.planes[0].update(self._samples().tobytes())
        self._position += FRAME_SAMPLES
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        return media_s, self.stream.packet(data, media_s, False)

    def _samples(self) -> array[int]:
        step = 2 * math.pi * self._tone_hz / RATE
        start = self._position
        loud = (start / RATE) % FLASH_EVERY_S < FLASH_S if self._beeps else True
        level = self._amplitude if loud else 0
        return array("h", [round(level * math.sin(step * (start + n))) for n in range(FRAME_SAMPLES)])


def h264_payloads(data: bytes) -> Iterator[bytes]:
    """STAP-A for the parameter sets, FU-A for what is too long, single NAL units else (RFC 6184)."""
    units = split_annex_b(data)
    sets = [unit for unit in units if unit[0] & 0x1F in (SPS, PPS)]
    if sets:
        yield b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in sets)
    for unit in units:
        if unit in sets:
            continue
        if len(unit) <= MAX_PAYLOAD:
            yield unit
            continue
        pieces = [unit[start : start + MAX_PAYLOAD] for start in range(1, len(unit), MAX_PAYLOAD)]
        for index, piece in enumerate(pieces):
            flags = (0x80 if index == 0 else 0) | (0x40 if index == len(pieces) - 1 else 0)
            yield bytes((unit[0] & 0xE0 | 28, flags | unit[0] & 0x1F)) + piece


def vp8_payloads(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MAX_PAYLOAD):
        yield bytes((0x10 if start == 0 else 0x00,)) + data[start : start + MAX_PAYLOAD]
