"""A viewer that does not decode: counts every packet by its number, sends what a browser would send back.

RTP headers are readable under SRTP (RFC 3711 §3.1), so a packet is counted by SSRC and sequence number without being
decrypted. The first packet of each SSRC is decrypted, and another one now and then: its stamp says which packet of
which feed it is, which ties the server's numbering to the publisher's. Sampled viewers decrypt every packet; they
measure latency and prove the numbering.
"""

from __future__ import annotations

import asyncio
import random
import struct
from array import array
from collections.abc import Callable, Iterable

from tests.bench import rtcp
from tests.bench.arrival import arrived_ns
from tests.bench.dtls import SrtpError
from tests.bench.offer import TRANSPORT_CC, AnsweredMedia
from tests.bench.peer import SO_TIMESTAMPNS, UDP_GRO, Peer
from tests.bench.received import Received
from tests.bench.traffic import Lane, Stamp, read_stamp

NUMBERS = 1 << 16
WIDEST_FEEDBACK = 0x1FFF  # numbers of one run-length chunk; after a longer hole feedback begins anew
_HEADER = struct.Struct("!BBH4xI").unpack_from
_GRO_SIZE = struct.Struct("=i").unpack_from

# One buffer for all: a read is handled to its end before the next begins.
_buffer = bytearray(1 << 16)
_buffers = [_buffer]


class Subscriber:
    """One viewer. ``read`` is called when its socket is readable and takes one burst.

    ``on_rtcp`` gets the RTCP that concerns what this participant publishes, as it came.
    """

    def __init__(
        self,
        peer: Peer,
        *,
        sampled: bool,
        expected: Iterable[int] = (),
        loss: float = 0.0,
        seed: int = 0,
        on_rtcp: Callable[[bytes], None] | None = None,
    ) -> None:
        self.peer = peer
        self.expected = frozenset(expected)
        self.streams: dict[int, Received] = {}
        self.seen: dict[int, bytearray] = {}
        self.latencies_us = array("I")  # of what was sent while ``record`` was on; sampled viewers only
        self.first_packet = asyncio.Event()
        self.first_picture = asyncio.Event()
        self.total = 0
        self.duplicates = 0
        self.refused = 0
        self.renumbered = 0
        self.rtcp_received = 0
        self.feedback_sent = 0
        self.dropped = 0
        self.repaired = 0
        self.padding = 0  # packets without media, with which a server looks for more bandwidth
        self.nacks_sent = 0
        self.gaps: set[Subscriber] = set()  # who misses something; the load's, for all
        self._on_rtcp = on_rtcp
        self._arrivals: list[tuple[int, int]] = []
        self._twcc_ssrc = 0
        self._twcc_next: int | None = None
        self._twcc_byte = 0
        self._twcc_at = 12 + 4  # where in a packet the number stood last
        self._record_ns = (0, 0)
        self._loss = loss
        self._random = random.Random(seed).random
        self._rtx_types: set[int] = set()
        self.sample(sampled)
        self._ssrc = int.from_bytes(peer.secrets.password.encode()[:4], "big")
        peer.stamp_arrivals()
        self._recvmsg_into = peer.socket.recvmsg_into

    def sample(self, sampled: bool) -> None:
        """Whether every packet is decrypted."""
        self.sampled = sampled
        self._is_plain = not sampled and not self._loss

    def negotiated(self, media: tuple[AnsweredMedia, ...]) -> None:
        """Takes the id of the transport-wide number, if the server's sending m-lines have it (one table for all)."""
        sending = [line for line in media if "send" in line.direction]
        ids = {line.extensions[TRANSPORT_CC] for line in sending if TRANSPORT_CC in line.extensions}
        self._twcc_byte = ids.pop() << 4 | 1 if ids else 0
        self._rtx_types = {number for line in sending for number, name in line.codecs.items() if name.lower() == "rtx"}

    def record(self, from_ns: int, to_ns: int) -> None:
        """Latencies are kept of packets that the publisher sent in this time."""
        self._record_ns = (from_ns, to_ns)

    def read(self) -> int:
        """Takes one burst from the socket and returns how many datagrams it held."""
        try:
            size, ancillary, _flags, _address = self._recvmsg_into(_buffers, 64)
        except (BlockingIOError, ConnectionRefusedError):
            return 0
        segment = size
        arrival = b""
        for _level, kind, value in ancillary:
            if kind == SO_TIMESTAMPNS:
                arrival = value
            elif kind == UDP_GRO:
                segment = _GRO_SIZE(value)[0]
        find, is_plain = self.streams.get, self._is_plain
        offset = datagrams = 0
        while offset < size:
            end = offset + segment
            first, second, sequence, ssrc = _HEADER(_buffer, offset)
            stream = find(ssrc)
            # RFC 7983 §7 and RFC 5761 §4 tell media from the rest.
            if stream is None or not is_plain or stream.is_unsure or not 127 < first < 192 or 191 < second < 224:
                self._datagram(offset, min(end, size), arrival)
            else:
                self._count(stream, sequence, offset, first, arrival)
            offset = end
            datagrams += 1
        return datagrams

    def _datagram(self, start: int, end: int, arrival: bytes) -> None:
        """One that needs a closer look; ``arrival`` is the kernel's time stamp."""
        first, second, sequence, ssrc = _HEADER(_buffer, start)
        if not 127 < first < 192:
            self.peer.receive(bytes(_buffer[start:end]))
            return
        if 191 < second < 224:
            self.rtcp_received += 1
            if self._on_rtcp is not None:
                self._on_rtcp(bytes(_buffer[start:end]))
            return
        if self._loss and self._random() < self._loss:
            self.dropped += 1
            return
        stream = self.streams.get(ssrc)
        if stream is None:
            if second & 0x7F in self._rtx_types:
                self._note_number(start, first, ssrc, arrival)
                self._take_resent(start, end)
                return
            stream = self._learn(start, end, sequence, ssrc)
            if stream is None:
                return
        elif (self.sampled or stream.is_unsure) and not self._verify(stream, start, end, sequence, arrival):
            return  # what cannot be decrypted was not delivered
        self._count(stream, sequence, start, first, arrival)

    def _count(self, stream: Received, sequence: int, start: int, first: int, arrival: bytes) -> None:
        stream.total += 1
        if sequence == (stream.highest + 1) & 0xFFFF:
            stream.highest = sequence
        elif sequence != stream.highest:
            stream.note_gap(sequence)
            self.gaps.add(self)
        number = (sequence - stream.base) & 0xFFFF
        seen = stream.seen
        if seen[number]:
            self.duplicates += 1
        else:
            seen[number] = 1
        if first & 0x10:
            self._note_number(start, first, stream.ssrc, arrival)

    def _note_number(self, start: int, first: int, ssrc: int, arrival: bytes) -> None:
        """Keeps a transport-wide number for the next feedback."""
        if not self._twcc_byte or not first & 0x10:
            return
        at = start + self._twcc_at
        if _buffer[at] != self._twcc_byte or _buffer[start + 12 : start + 14] != b"\xbe\xde":
            at = self._find_twcc(start)
            if not at:
                return
        self._arrivals.append((_buffer[at + 1] << 8 | _buffer[at + 2], arrived_ns(arrival) // 1000))
        self._twcc_ssrc = ssrc

    def _find_twcc(self, start: int) -> int:
        """Where in the buffer the transport-wide number of this packet stands, 0 if it has none (RFC 8285 §4.2)."""
        at = start + 12 + 4 * (_buffer[start] & 15)
        if _buffer[at : at + 2] != b"\xbe\xde":
            return 0
        end = at + 4 + 4 * (_buffer[at + 2] << 8 | _buffer[at + 3])
        at += 4
        while at < end:
            if _buffer[at] == self._twcc_byte:
                self._twcc_at = at - start
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

    def _stamp(self, start: int, end: int) -> Stamp | None:
        plain = self._decrypt(start, end)
        return read_stamp(plain) if plain is not None else None

    def _table(self, feed: int) -> bytearray:
        found = self.seen.get(feed)
        if found is None:
            found = self.seen[feed] = bytearray(NUMBERS)
        return found

    def _learn(self, start: int, end: int, sequence: int, ssrc: int) -> Received | None:
        found = self._stamp(start, end)
        if found is None:
            return None
        self.first_packet.set()
        if found.feed % 2 == Lane.VIDEO:
            self.first_picture.set()
        base = (sequence - found.number) & 0xFFFF
        stream = self.streams[ssrc] = Received(ssrc, found.feed, base, self._table(found.feed), sequence)
        return stream

    def _take_resent(self, start: int, end: int) -> None:
        """A packet on an RTX stream (RFC 4588 §4): the stamp tells which one it is."""
        found = self._stamp(start, end)
        if found is None:
            self.padding += 1
            return
        for stream in self.streams.values():
            if stream.feed == found.feed:
                stream.missing.pop((stream.base + found.number) & 0xFFFF, None)
        seen = self._table(found.feed)
        self.repaired += not seen[found.number & 0xFFFF]
        seen[found.number & 0xFFFF] = 1

    def _verify(self, stream: Received, start: int, end: int, sequence: int, arrival: bytes) -> bool:
        found = self._stamp(start, end)
        if found is None:
            return False
        stream.is_unsure = False
        if self.sampled and self._record_ns[0] <= found.sent_ns < self._record_ns[1]:
            self.latencies_us.append(max(0, arrived_ns(arrival) - found.sent_ns) // 1000)
        base = (sequence - found.number) & 0xFFFF
        if base != stream.base or found.feed != stream.feed:
            stream.base, stream.feed, stream.seen = base, found.feed, self._table(found.feed)
            self.renumbered += 1
        return True

    def doubt(self) -> None:
        """Has the next packet of each stream decrypted: slots may carry another feed by now."""
        for stream in self.streams.values():
            stream.is_unsure = True

    def carries(self, feed: int) -> bool:
        """Whether a packet of this feed was the last that was decrypted on some stream, no doubt being left."""
        return any(stream.feed == feed and not stream.is_unsure for stream in self.streams.values())

    def forget(self) -> None:
        """What was counted so far: after a slot changed its feed some numbers were ticked off for the wrong one."""
        for seen in self.seen.values():
            seen[:] = bytes(NUMBERS)
        self.duplicates = self.renumbered = 0

    # --- what goes back -----------------------------------------------------------------------------------------------

    def send_feedback(self) -> None:
        """Transport-wide feedback for what came since the last one; nothing if no packet carried a number."""
        arrivals = self._arrivals
        if not arrivals:
            return
        base = self._twcc_next
        if base is not None and (arrivals[0][0] - base) & 0xFFFF > WIDEST_FEEDBACK:
            base = None
        packet = rtcp.transport_feedback(self._ssrc, self._twcc_ssrc, self.feedback_sent, arrivals, base)
        self._twcc_next = (arrivals[-1][0] + 1) & 0xFFFF
        self._arrivals = []
        self.feedback_sent += 1
        self.peer.send_rtcp(packet)

    def send_nacks(self, now_ns: int) -> bool:
        """Asks for what is missing; after enough tries it is given up. Whether anything is missing still."""
        for stream in self.streams.values():
            due = stream.due(now_ns)
            if due:
                self.peer.send_rtcp(rtcp.generic_nack(self._ssrc, stream.ssrc, due))
                self.nacks_sent += 1
        return any(stream.missing for stream in self.streams.values())

    def send_report(self) -> None:
        if self.streams:
            self.peer.send_rtcp(rtcp.receiver_report(self._ssrc, [s.report() for s in self.streams.values()][:31]))

    # --- what was seen ------------------------------------------------------------------------------------------------

    @property
    def is_complete(self) -> bool:
        """Whether everything arrives that is expected."""
        return self.expected <= {stream.feed for stream in self.streams.values()}

    def take(self, feed: int, first: int, end: int) -> int:
        """How many of the feed's packets ``first`` … ``end - 1`` arrived; their places are free for later numbers."""
        seen = self.seen.get(feed)
        if seen is None or end <= first:
            return 0
        first, end = first % NUMBERS, end % NUMBERS
        spans = ((first, end),) if first < end else ((first, NUMBERS), (0, end))
        arrived = 0
        for low, high in spans:
            arrived += seen.count(1, low, high)
            seen[low:high] = bytes(high - low)
        return arrived

    def arrived(self, feed: int, first: int, end: int) -> int:
        """As ``take``, without freeing."""
        seen = self.seen.get(feed)
        if seen is None or end <= first:
            return 0
        first, end = first % NUMBERS, end % NUMBERS
        if first < end:
            return seen.count(1, first, end)
        return seen.count(1, first) + seen.count(1, 0, end)
