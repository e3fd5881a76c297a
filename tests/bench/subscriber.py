"""A viewer that does not decode: counts every packet by its number, sends what a browser would send back.

RTP headers are readable under SRTP (RFC 3711 §3.1), so a packet is counted by SSRC and sequence number without being
decrypted. The first packet of each SSRC is decrypted: its stamp says which packet of the publisher it is, which ties
the server's numbering to the publisher's. Sampled viewers decrypt every packet; they measure latency and prove the
numbering.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from array import array

from tests.bench import rtcp
from tests.bench.dtls import SrtpError
from tests.bench.offer import TRANSPORT_CC, AnsweredMedia
from tests.bench.peer import SO_TIMESTAMPNS, UDP_GRO, Peer
from tests.bench.traffic import Lane, read_stamp

NUMBERS = 1 << 16
# As Chromium's NACK module: at most ten requests for a packet; a gap this wide is not asked for packet by packet.
NACK_TRIES, WIDEST_GAP = 10, 1000
_SEQUENCE_SSRC = struct.Struct("!H4xI").unpack_from
_GRO_SIZE = struct.Struct("=i").unpack_from
_TIMESPEC = struct.Struct("=qq").unpack_from

# One buffer for all: a read is handled to its end before the next begins.
_buffer = bytearray(1 << 16)
_buffers = [_buffer]


def waited_ns(timespec: bytes, utc_ns: int) -> int:
    """How long ago a datagram arrived by the kernel's time stamp (CLOCK_REALTIME)."""
    seconds, nanoseconds = _TIMESPEC(timespec)
    return max(0, utc_ns - int(seconds) * 1_000_000_000 - int(nanoseconds))


class Received:
    """One SSRC at one viewer."""

    __slots__ = (
        "base",
        "cycles",
        "highest",
        "lane",
        "missing",
        "reported",
        "reported_highest",
        "seen",
        "ssrc",
        "total",
        "twcc_at",
    )

    def __init__(self, ssrc: int, lane: Lane, base: int, seen: bytearray, sequence: int) -> None:
        self.ssrc = ssrc
        self.lane = lane
        self.base = base  # the server's sequence number of the publisher's packet 0
        self.seen = seen
        self.highest = sequence
        self.cycles = 0
        self.total = 0
        self.reported = 0
        self.reported_highest = sequence
        self.missing: dict[int, int] = {}  # sequence → times it was asked for
        self.twcc_at = 0  # where in a packet the transport-wide extension was found last

    def note_gap(self, sequence: int) -> None:
        """``sequence`` is not the one after the highest: packets are missing before it, or it is one of them."""
        gap = (sequence - self.highest) & 0xFFFF
        if gap >= 0x8000 or not gap:
            self.missing.pop(sequence, None)
            return
        if gap <= WIDEST_GAP:
            self.missing.update(dict.fromkeys(((self.highest + step) & 0xFFFF for step in range(1, gap)), 0))
        self.highest = sequence

    def report(self) -> rtcp.ReportBlock:
        """A report block over what came since the last one. One wrap between two reports is noticed, more cannot be."""
        if self.highest < self.reported_highest & 0xFFFF:
            self.cycles += 1
        extended = self.cycles << 16 | self.highest
        expected = extended - self.reported_highest
        lost = max(0, expected - (self.total - self.reported))
        self.reported, self.reported_highest = self.total, extended
        return rtcp.ReportBlock(self.ssrc, min(255, lost * 256 // max(1, expected)), lost, extended)


class Subscriber:
    """One viewer. ``read`` is called when its socket is readable and takes one burst."""

    def __init__(self, peer: Peer, *, sampled: bool, loss: float = 0.0, seed: int = 0) -> None:
        self.peer = peer
        self.sampled = sampled
        self.streams: dict[int, Received] = {}
        self.seen = {lane: bytearray(NUMBERS) for lane in Lane}
        self.latencies: list[tuple[int, int, int]] = []  # lane, number, ns; sampled viewers only
        self.first_packet = asyncio.Event()
        self.duplicates = 0
        self.refused = 0
        self.renumbered = 0
        self.rtcp_received = 0
        self.feedback_sent = 0
        self._arrivals: list[tuple[int, int]] = []
        self._twcc_ssrc = 0
        self.dropped = 0
        self.repaired = 0
        self.nacks_sent = 0
        self._loss = loss
        self._random = random.Random(seed).random
        self._rtx_types: set[int] = set()
        self._twcc_byte = 0
        self._ssrc = int.from_bytes(peer.secrets.password.encode()[:4], "big")
        if sampled:
            peer.stamp_arrivals()
        self._recvmsg_into = peer.socket.recvmsg_into

    def negotiated(self, media: tuple[AnsweredMedia, ...]) -> None:
        """Takes the id of the transport-wide number, if the answer's sending m-lines have it (one table for all)."""
        ids = {
            line.extensions[TRANSPORT_CC]
            for line in media
            if "send" in line.direction and TRANSPORT_CC in line.extensions
        }
        self._twcc_byte = ids.pop() << 4 | 1 if ids else 0
        self._rtx_types = {number for line in media for number, name in line.codecs.items() if name.lower() == "rtx"}

    def read(self) -> int:
        """Takes one burst from the socket and returns how many datagrams it held."""
        try:
            size, ancillary, _flags, _address = self._recvmsg_into(_buffers, 64)
        except (BlockingIOError, ConnectionRefusedError):
            return 0
        now_ns = time.monotonic_ns()
        segment = size
        for _level, kind, value in ancillary:
            if kind == UDP_GRO:
                segment = _GRO_SIZE(value)[0]
            elif kind == SO_TIMESTAMPNS:
                now_ns -= waited_ns(value, time.time_ns())
        offset = datagrams = 0
        while offset < size:
            end = min(offset + segment, size)
            self._datagram(offset, end, now_ns)
            offset = end
            datagrams += 1
        return datagrams

    def _datagram(self, start: int, end: int, now_ns: int) -> None:
        buffer = _buffer
        if not 127 < buffer[start] < 192:
            self.peer.receive(bytes(buffer[start:end]))
            return
        if 191 < buffer[start + 1] < 224:
            self.rtcp_received += 1
            return
        if self._loss and self._random() < self._loss:
            self.dropped += 1
            return
        sequence, ssrc = _SEQUENCE_SSRC(buffer, start + 2)
        stream = self.streams.get(ssrc)
        if stream is None:
            if buffer[start + 1] & 0x7F in self._rtx_types:
                self._take_resent(start, end)
                return
            stream = self._learn(start, end, sequence, ssrc)
            if stream is None:
                return
        elif self.sampled and not self._verify(stream, start, end, sequence, now_ns):
            return  # what cannot be decrypted was not delivered
        stream.total += 1
        if sequence == (stream.highest + 1) & 0xFFFF:
            stream.highest = sequence
        elif sequence != stream.highest:
            stream.note_gap(sequence)
        number = (sequence - stream.base) & 0xFFFF
        seen = stream.seen
        if seen[number]:
            self.duplicates += 1
        else:
            seen[number] = 1
        if self._twcc_byte:
            at = start + stream.twcc_at
            if not stream.twcc_at or buffer[at] != self._twcc_byte or not buffer[start] & 0x10:
                at = self._find_twcc(stream, start)
            if at:
                self._arrivals.append((buffer[at + 1] << 8 | buffer[at + 2], now_ns // 1000))
                self._twcc_ssrc = ssrc

    def _find_twcc(self, stream: Received, start: int) -> int:
        """Where in the buffer the transport-wide number of this packet stands, 0 if it has none (RFC 8285 §4.2)."""
        if not _buffer[start] & 0x10:
            return 0
        at = start + 12 + 4 * (_buffer[start] & 15)
        if _buffer[at : at + 2] != b"\xbe\xde":
            return 0
        end = at + 4 + 4 * (_buffer[at + 2] << 8 | _buffer[at + 3])
        at += 4
        while at < end:
            if _buffer[at] == self._twcc_byte:
                stream.twcc_at = at - start
                return at
            at += (_buffer[at] & 15) + 2 if _buffer[at] else 1
        return 0

    def _decrypt(self, start: int, end: int) -> bytes | None:
        if self.peer.receiving is None:  # the server's side of the handshake was over first
            return None
        try:
            return self.peer.receiving.unprotect(bytes(_buffer[start:end]))
        except SrtpError:
            self.refused += 1
            return None

    def _learn(self, start: int, end: int, sequence: int, ssrc: int) -> Received | None:
        plain = self._decrypt(start, end)
        found = read_stamp(plain) if plain is not None else None
        if found is None:
            return None
        self.first_packet.set()
        base = (sequence - found.number) & 0xFFFF
        lane = Lane(found.lane)
        stream = self.streams[ssrc] = Received(ssrc, lane, base, self.seen[lane], sequence)
        return stream

    def _take_resent(self, start: int, end: int) -> None:
        """A packet on an RTX stream (RFC 4588 §4): the stamp tells which one it is."""
        plain = self._decrypt(start, end)
        found = read_stamp(plain) if plain is not None else None
        if found is None:
            return
        for stream in self.streams.values():
            if stream.lane == found.lane:
                stream.missing.pop((stream.base + found.number) & 0xFFFF, None)
        self.repaired += not self.seen[Lane(found.lane)][found.number & 0xFFFF]
        self.seen[Lane(found.lane)][found.number & 0xFFFF] = 1

    def _verify(self, stream: Received, start: int, end: int, sequence: int, now_ns: int) -> bool:
        plain = self._decrypt(start, end)
        found = read_stamp(plain) if plain is not None else None
        if found is None:
            return False
        self.latencies.append((found.lane, found.number, now_ns - found.sent_ns))
        base = (sequence - found.number) & 0xFFFF
        if base != stream.base:
            stream.base = base
            self.renumbered += 1
        return True

    # --- what goes back -----------------------------------------------------------------------------------------------

    def send_feedback(self) -> None:
        """Transport-wide feedback for what came since the last one; nothing if no packet carried a number."""
        if not self._arrivals:
            return
        packet = rtcp.transport_feedback(self._ssrc, self._twcc_ssrc, self.feedback_sent, self._arrivals)
        self._arrivals = []
        self.feedback_sent += 1
        self.peer.send_rtcp(packet)

    def send_nacks(self) -> None:
        """Asks for what is missing; after enough tries it is given up."""
        for stream in self.streams.values():
            if stream.missing:
                self.peer.send_rtcp(rtcp.generic_nack(self._ssrc, stream.ssrc, list(stream.missing)))
                self.nacks_sent += 1
                asked = {sequence: tries + 1 for sequence, tries in stream.missing.items()}
                stream.missing = {sequence: tries for sequence, tries in asked.items() if tries < NACK_TRIES}

    def send_report(self) -> None:
        if self.streams:
            self.peer.send_rtcp(rtcp.receiver_report(self._ssrc, [s.report() for s in self.streams.values()][:31]))

    # --- what was seen ------------------------------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether both streams arrive."""
        return {stream.lane for stream in self.streams.values()} == set(Lane)

    def delivered(self, lane: Lane, first: int, end: int) -> int:
        """How many of the publisher's packets ``first`` … ``end - 1`` arrived."""
        return sum(self.seen[lane][first:end])

    def window_latencies_us(self, windows: dict[Lane, tuple[int, int]]) -> array[int]:
        """One-way times of the packets in the window."""
        inside = array("q")
        for lane, number, latency_ns in self.latencies:
            first, end = windows[Lane(lane)]
            if first <= number < end:
                inside.append(latency_ns // 1000)
        return inside
