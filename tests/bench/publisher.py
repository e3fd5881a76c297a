"""What a participant publishes: sends what ``traffic`` says on its microphone and camera m-lines, answers PLI."""

from __future__ import annotations

import secrets
import struct
import time
from array import array

from tests.bench import rtcp
from tests.bench.dtls import SrtpError
from tests.bench.offer import ABS_SEND_TIME, AUDIO_LEVEL, MID, TRANSPORT_CC, AnsweredMedia, SendingSsrcs
from tests.bench.peer import Peer
from tests.bench.traffic import TICK_MS, Lane, Piece, Source, feed_of, stamp

# A browser puts the mid on every packet of a new stream until the first receiver report; a second covers that.
MID_FOR_PACKETS = {Lane.AUDIO: 50, Lane.VIDEO: 170}
TICK_NS = TICK_MS * 1_000_000
NTP_EPOCH_S = 2_208_988_800
VOICE_LEVEL, SILENCE_LEVEL = 0x80 | 30, 127  # RFC 6464: voice activity, -30 dBov; silence

_HEADER = struct.Struct("!BBHII")


class _Stream:
    """One RTP stream: numbers, payload type and the extensions that the answer took."""

    def __init__(self, lane: Lane, feed: int, ssrc: int, media: AnsweredMedia, codec: str, level: int) -> None:
        self.lane = lane
        self.feed = feed
        self._level = level
        self.ssrc = ssrc
        self.payload_type = media.payload_type(codec)
        # RFC 3550 §5.1 wants random starts; the upper half is avoided so that no stream wraps before its SRTP is up.
        self.first_sequence = secrets.randbelow(1 << 15)
        self.first_time = secrets.randbits(32)
        self.count = 0
        self.octets = 0
        self.last_time = 0
        self._extensions = media.extensions
        self._mid = media.mid.encode()

    def extension_block(self, transport_sequence: int, now_ns: int) -> bytes:
        """One-byte header extensions (RFC 8285 §4.2)."""
        taken, data = self._extensions, b""
        if (number := taken.get(TRANSPORT_CC)) is not None:
            data += struct.pack("!BH", number << 4 | 1, transport_sequence)
        if (number := taken.get(ABS_SEND_TIME)) is not None:
            data += bytes([number << 4 | 2]) + ((now_ns << 18) // 1_000_000_000 & 0xFFFFFF).to_bytes(3, "big")
        if self.lane == Lane.AUDIO and (number := taken.get(AUDIO_LEVEL)) is not None:
            data += bytes([number << 4, self._level])
        if self.count < MID_FOR_PACKETS[self.lane] and (number := taken.get(MID)) is not None:
            data += bytes([number << 4 | len(self._mid) - 1]) + self._mid
        data += bytes(-len(data) % 4)
        return struct.pack("!HH", 0xBEDE, len(data) // 4) + data if data else b""

    def packet(self, piece: Piece, transport_sequence: int, now_ns: int) -> bytes:
        """The next packet of this stream, unprotected, stamped."""
        extensions = self.extension_block(transport_sequence, now_ns)
        self.last_time = (self.first_time + piece.rtp_time) & 0xFFFFFFFF
        header = _HEADER.pack(
            0x90 if extensions else 0x80,
            self.payload_type | (0x80 if piece.marker else 0),
            (self.first_sequence + self.count) & 0xFFFF,
            self.last_time,
            self.ssrc,
        )
        packet = header + extensions + piece.body + stamp(self.feed, self.count, now_ns)
        self.count += 1
        self.octets += len(piece.body)
        return packet

    def sender_report(self, now_utc_s: float) -> bytes:
        ntp = int((now_utc_s + NTP_EPOCH_S) * (1 << 32))
        return rtcp.sender_report(self.ssrc, ntp, self.last_time, self.count, self.octets)


class Publisher:
    """Sends by ticks from ``start`` on. ``lateness_us`` holds, per tick, how much later than planned it ran."""

    def __init__(self, peer: Peer, index: int, source: Source, *, speaks: bool = True) -> None:
        self.peer = peer
        self.index = index
        self.ssrcs = SendingSsrcs(*(secrets.randbits(31) + 1 for _ in range(3)))
        self.source = source
        self.streams: dict[Lane, _Stream] = {}
        self.lateness_us = array("q")
        self.received = {"pli": 0, "nack": 0, "transport_cc": 0, "receiver_report": 0, "refused": 0}
        self._level = VOICE_LEVEL if speaks else SILENCE_LEVEL
        self._transport_sequence = 0
        self._started_ns = 0
        self._next_tick = 0

    def negotiated(self, media: tuple[AnsweredMedia, ...]) -> None:
        """Takes payload types and extension ids from the answer's first two m-lines. Raises ValueError for a codec."""
        audio, video = (feed_of(self.index, lane) for lane in (Lane.AUDIO, Lane.VIDEO))
        self.streams = {
            Lane.AUDIO: _Stream(Lane.AUDIO, audio, self.ssrcs.microphone, media[0], "opus", self._level),
            Lane.VIDEO: _Stream(Lane.VIDEO, video, self.ssrcs.camera, media[1], "H264", self._level),
        }

    def start(self) -> None:
        """From now on the ticks count."""
        self._started_ns = time.monotonic_ns()

    def send_due(self, now_ns: int) -> None:
        """Runs the ticks that are due; a late one is made up for at once."""
        if not self._started_ns:
            return
        elapsed_ns = now_ns - self._started_ns
        while self._next_tick * TICK_NS <= elapsed_ns:
            self.lateness_us.append((elapsed_ns - self._next_tick * TICK_NS) // 1000)
            for piece in self.source.tick(self._next_tick * TICK_MS):
                self._send(piece)
            if self._next_tick % 200 == 199:
                self._send_sender_reports()
            self._next_tick += 1

    def _send(self, piece: Piece) -> None:
        now_ns = time.monotonic_ns()
        packet = self.streams[piece.lane].packet(piece, self._transport_sequence, now_ns)
        self._transport_sequence = (self._transport_sequence + 1) & 0xFFFF
        self.peer.send_rtp(packet)

    def _send_sender_reports(self) -> None:
        for stream in self.streams.values():
            if stream.count:
                self.peer.send_rtcp(stream.sender_report(time.time()))

    def handle_rtcp(self, datagram: bytes) -> None:
        """Feedback of the worker; a PLI makes the next frame a key frame."""
        if self.peer.receiving is None:
            return
        try:
            compound = self.peer.receiving.unprotect_rtcp(datagram)
        except SrtpError:
            self.received["refused"] += 1
            return
        for part in rtcp.parts(compound):
            match part.packet_type, part.format:
                case rtcp.PSFB, rtcp.FMT_PLI | rtcp.FMT_FIR:
                    self.received["pli"] += 1
                    self.source.request_keyframe()
                case rtcp.RTPFB, rtcp.FMT_TRANSPORT_CC:
                    self.received["transport_cc"] += 1
                case rtcp.RTPFB, rtcp.FMT_NACK:
                    self.received["nack"] += 1
                case rtcp.RECEIVER_REPORT | rtcp.SENDER_REPORT, _:
                    self.received["receiver_report"] += 1
