"""The inner loop: one burst of one publication to all members of its cohorts, no object per packet and receiver.

Bytes in, bytes out. On Linux a chunk of 64 receivers costs one ``sendmmsg``; elsewhere, and after an SRTP error,
packets go one by one.
"""

from __future__ import annotations

import array
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from media.aiortc_adapter import MAX_TRAILER, address_of, buffer_view, new_buffer, srtp_protect, srtp_protect_rtcp
from media.chunk import CHUNK, Chunk
from media.lanes import Lanes
from media.sendmmsg import SegmentControl, VectorTable, is_available
from media.stats import Counters
from media.udp import DatagramPort

MAX_BURST = 40  # packets of one message; 40 x 1500 stays below the 64 KiB of a segmented datagram
MAX_PACKET = 1500 - MAX_TRAILER
REPORT_TIME_AT = 16  # where a sender report holds its RTP timestamp (RFC 3550 §6.4.1)
_SRTCP_INDEX = 4


class _Pool:
    """Scratch memory for one chunk's burst: ``CHUNK`` x ``MAX_BURST`` places of equal size."""

    def __init__(self, stride: int) -> None:
        count = CHUNK * MAX_BURST
        self.stride = stride
        self._memory = new_buffer("char[]", stride * count)
        self.view = memoryview(buffer_view(self._memory)).cast("B")
        self.halves, self.words = self.view.cast("H"), self.view.cast("I")
        self.pointers: list[Any] = [self._memory + index * stride for index in range(count)]
        self._lengths = new_buffer("int[]", count)
        self.length_view = memoryview(buffer_view(self._lengths)).cast("B")
        self.length_pointers: list[Any] = [self._lengths + index for index in range(count)]
        self.lengths = self._lengths
        self.vectors = VectorTable(address_of(self._memory), stride, count)

    def fill(self, block: bytes, copies: int) -> None:
        """Repeats the block, by doubling."""
        view = self.view
        size = len(block)
        total = size * copies
        view[:size] = block
        at = size
        while at < total:
            more = at if at + at <= total else total - at
            view[at : at + more] = view[:more]
            at += more

    def renumber(self, lanes: Lanes, group: Sequence[bytes], is_rtcp: bool) -> None:
        """Adds the members' offsets to the copies: to a sender report's timestamp, or to RTP's two numbers."""
        stride, count = self.stride, len(group)
        for index, packet in enumerate(group):
            at = index * stride
            time_at = REPORT_TIME_AT if is_rtcp else 4
            time = int.from_bytes(packet[time_at : time_at + 4], "big")
            lanes.write_timestamps(self.words, (at + time_at) // 4, stride * count // 4, time)
            if not is_rtcp:
                lanes.write_sequences(self.halves, (at + 2) // 2, stride * count // 2, packet[2] << 8 | packet[3])


class FanOut:
    """Sends bursts to cohorts' chunks. ``between_chunks`` lets sound pass while a big keyframe goes out."""

    def __init__(self, port: DatagramPort, counters: Counters, between_chunks: Callable[[], None]) -> None:
        self._port = port
        self._counters = counters
        self._between_chunks = between_chunks
        self._unpolled = 0  # messages since the last poll; cohorts may be far smaller than a chunk
        self._large = _Pool(1536)
        self._small = _Pool(320)
        self.control = SegmentControl() if is_available() else None

    def send(self, chunks: Sequence[Chunk], packets: Sequence[bytes], tag_size: int, poll: bool) -> None:
        """RTP packets, already rewritten, to all members of the chunks."""
        for group in _equal_sizes(packets):
            self._send_group(chunks, group, srtp_protect, tag_size, poll)

    def send_rtcp(self, chunks: Sequence[Chunk], packet: bytes, tag_size: int) -> None:
        """One sender report to all members."""
        self._send_group(chunks, [packet], srtp_protect_rtcp, tag_size + _SRTCP_INDEX, False)

    def _send_group(self, chunks: Sequence[Chunk], group: list[bytes], protect: Any, trailer: int, poll: bool) -> None:
        count = len(group)
        largest = len(group[0])
        pool = self._small if largest + MAX_TRAILER <= self._small.stride else self._large
        stride = pool.stride
        block = b"".join([packet.ljust(stride, b"\0") for packet in group])
        before, after = _repeated_sizes(group, trailer)
        counters = self._counters
        for chunk in list(chunks):
            members = len(chunk.members)
            if not members:
                continue
            total = members * count
            messages = chunk.messages
            pool.fill(block, members)
            lanes = chunk.lanes()
            if lanes is not None:
                pool.renumber(lanes, group, protect is srtp_protect_rtcp)
            pool.length_view[: 4 * total] = before[: 4 * total]
            if messages is None or any(
                map(protect, chunk.contexts(count), pool.pointers, pool.length_pointers)  # srtp_err_status_ok is 0
            ):
                self._send_singly(chunk, group, pool, protect)
            else:
                pool.vectors.lengths[:total] = after[:total]
                messages.set_shape(pool.vectors, count)
                if self.control is not None:
                    self.control.set(largest + trailer)
                unsent, refused = messages.send(self._port.socket.fileno(), members)
                counters["rtp_out"] += total - unsent * count
                if unsent:
                    counters["drop_send"] += unsent * count
                for index in refused:
                    self._send_unsegmented(chunk, index, pool, after[:count], stride)
            counters["sends"] += members
            self._unpolled += members
            if poll and self._unpolled >= CHUNK:
                self._unpolled = 0
                self._between_chunks()

    def _send_unsegmented(self, chunk: Chunk, index: int, pool: _Pool, sizes: memoryview[int], stride: int) -> None:
        """One member's packets, protected already, as datagrams of their own."""
        address = chunk.members[index].transport.address
        self._counters["sends_refused"] += 1
        for place, size in enumerate(sizes, index * len(sizes)):
            if address is not None:
                self._port.send(pool.view[place * stride : place * stride + size], address)

    def _send_singly(self, chunk: Chunk, group: list[bytes], pool: _Pool, protect: Any) -> None:
        """The slow and certain path: every packet for itself, so that a broken session stays alone."""
        view, length = pool.view, pool.lengths
        for slot in chunk.members:
            context, address = slot.transport.tx, slot.transport.address
            own = None if chunk.is_plain else Lanes([chunk.offsets(slot)])
            for packet in group:
                size = len(packet)
                view[:size] = packet
                if own is not None:
                    pool.renumber(own, [packet], protect is srtp_protect_rtcp)
                length[0] = size
                if address is None or protect(context, pool.pointers[0], pool.length_pointers[0]):
                    self._counters["drop_protect"] += 1
                    continue
                self._port.send(view[: length[0]], address, slot.kind == "video")
                self._counters["rtp_out"] += 1


def _repeated_sizes(group: Sequence[bytes], trailer: int) -> tuple[bytes, memoryview[int]]:
    """The sizes before and after protection, for a whole chunk. Made anew: a microsecond or two for each burst, while
    hardly two pictures have the same sizes, and to keep them took megabytes."""
    sizes = list(map(len, group))
    before = struct.pack(f"={len(sizes)}i", *sizes) * CHUNK
    return before, memoryview(array.array("Q", [size + trailer for size in sizes]) * CHUNK)


def _equal_sizes(packets: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Runs that one segmented datagram can carry: equal sizes, of which the last may be shorter."""
    run: list[bytes] = []
    for packet in packets:
        size = len(packet)
        if run and (size > len(run[0]) or len(run) >= MAX_BURST):
            yield run
            run = []
        run.append(packet)
        if size < len(run[0]):
            yield run
            run = []
    if run:
        yield run
