"""Slots that carry the same rewritten packets, in chunks that are sent with one system call each.

A header is written once per cohort and burst; each member then costs one ``srtp_protect`` and a share of ``sendmmsg``.
Members who have carried other layers before go on with numbers of their own: they sit in chunks of their own, whose
copies are renumbered all at once (``media.lanes``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from media.chunk import CHUNK, Chunk
from media.continuity import History, Numbering
from media.rtp import red, vp8
from media.rtp.header import FIXED, FIXED_SIZE
from media.rtp.sequence import distance
from media.sendmmsg import SegmentControl
from media.udp import is_single

if TYPE_CHECKING:
    from media.slot import Slot

RED = "red"  # in a key: Opus with redundancy
NUMBER_BYTES = 8  # of the extension with the transport-wide number
MAX_NUMBER_ID = 14  # RFC 8285 §4.2
BLOCK, BLOCKS = 0x2000, 0xE000  # of source packets: as often old bounds are moved up, everywhere at the same packet


class CohortKey(NamedTuple):
    """Everything that the rewritten bytes depend on but for the numbering, and the size of the SRTP tag."""

    ssrc: int
    payload_type: int
    codec: str
    tag_size: int
    picture_delta: int = 0
    tl0_delta: int = 0
    number_id: int = 0  # of the header extension with the transport-wide number; 0: the packets carry none


class Cohort:
    """The members that share one key, and the rewriting that they share."""

    __slots__ = (
        "_control",
        "_floor",
        "_last_at",
        "_last_picture",
        "_last_sequence",
        "_last_timestamp",
        "_last_tl0",
        "_red_type",
        "base",
        "chunks",
        "key",
        "octets",
        "packets",
        "size",
    )

    def __init__(
        self,
        key: CohortKey,
        base: Numbering,
        floor: int,
        control: SegmentControl | None,
        red_type: int | None = None,
    ) -> None:
        """``base``: with which packets are written. ``red_type``: with which the source sends redundant audio; the
        cohort "red" gets that as it is.
        """
        self.key = key
        self.base = base
        self._red_type = red_type
        self.chunks: list[Chunk] = []
        self.size = 0
        self.packets = self.octets = 0
        self._control = control
        # Source packets before this one are not sent as they come: to some member their numbers may already have been
        # used with other contents, and a nonce must not be used twice (RFC 7714 §8.2). The others ask for them.
        self._floor = floor
        self._last_sequence = -1  # of the source, as the timestamp
        self._last_timestamp = 0
        self._last_picture = self._last_tl0 = 0  # as they were sent
        self._last_at = 0.0

    def add(self, slot: Slot) -> None:
        singly, is_plain = is_single(slot.transport.address), slot.numbering == self.base
        for chunk in self.chunks:
            if len(chunk.members) < CHUNK and chunk.is_single is singly and chunk.is_plain is is_plain:
                break
        else:
            chunk = Chunk(None if singly else self._control, singly, None if is_plain else self.base)
            self.chunks.append(chunk)
        chunk.add(slot)
        slot.chunk = chunk
        self.size += 1

    def remove(self, slot: Slot) -> None:
        chunk = slot.chunk
        if chunk is None:
            return
        chunk.remove(slot)
        slot.chunk = None
        self.size -= 1
        if not chunk.members:
            self.chunks.remove(chunk)

    def readdress(self, slot: Slot) -> None:
        """Called when the transport's address moved: between IPv4, IPv6 and TCP, to another chunk."""
        chunk = slot.chunk
        if chunk is None:
            return
        if chunk.is_single is is_single(slot.transport.address):
            chunk.readdress(slot)
        else:
            self.remove(slot)
            self.add(slot)

    @property
    def red_type(self) -> int | None:
        return self._red_type

    @property
    def floor(self) -> int:
        """The first source packet that may be sent as it comes."""
        return self._floor

    @property
    def last_sequence(self) -> int:
        """The newest source packet that was sent; -1 before the first."""
        return self._last_sequence

    @property
    def last_timestamp(self) -> int:
        """Of the source."""
        return self._last_timestamp

    def history(self, numbering: Numbering) -> History | None:
        """Where a member of this numbering stands. None before the first packet."""
        if self._last_sequence < 0:
            return None
        return History(
            (self._last_sequence + numbering.sequence) & 0xFFFF,
            (self._last_timestamp + numbering.timestamp) & 0xFFFFFFFF,
            self._last_at,
            self._last_picture,
            self._last_tl0,
        )

    def take(self, packets: Iterable[bytes], now: float, max_size: int) -> list[bytes]:
        """What is sent of a burst now, written with the cohort's base, and counted for its reports."""
        base = self.base
        written = []
        for packet in packets:
            sequence = packet[2] << 8 | packet[3]
            if distance(sequence, self._floor) < 0:
                continue
            new = self.rewrite(packet, base)
            if new is None or len(new) > max_size:
                continue
            written.append(new)
            self.octets += len(new) - FIXED_SIZE
            if self._last_sequence < 0 or distance(sequence, self._last_sequence) > 0:
                self._note_newest(sequence, packet, new, now)
        self.packets += len(written)
        return written

    def rewrite(self, packet: bytes, numbering: Numbering) -> bytes | None:
        """The packet as members of this numbering see it, always the same bytes; None for what they cannot take."""
        first, second, sequence, timestamp, _ = FIXED.unpack_from(packet)
        key = self.key
        payload_type = key.payload_type
        if second & 0x7F == self._red_type:
            if key.codec != RED:
                single = red.primary(packet, FIXED_SIZE, payload_type)
                if single is None:
                    return None
                packet = single
        elif key.codec == RED:
            payload_type = second & 0x7F  # the same for source and members (Layer._join)
        head = FIXED.pack(
            first,
            (second & 0x80) | payload_type,
            (sequence + numbering.sequence) & 0xFFFF,
            (timestamp + numbering.timestamp) & 0xFFFFFFFF,
            key.ssrc,
        )
        if key.picture_delta or key.tl0_delta:
            packet = vp8.shift(packet, FIXED_SIZE, key.picture_delta, key.tl0_delta)
        return head + packet[FIXED_SIZE:]

    def numbered(self, packet: bytes, number: int) -> bytes:
        """A rewritten packet with its transport-wide number (RFC 8285 §4.2, one-byte form)."""
        block = extension(self.key.number_id, number)
        return b"".join((bytes((packet[0] | 0x10,)), packet[1:FIXED_SIZE], block, packet[FIXED_SIZE:]))

    def raise_floor(self, sequence: int) -> None:
        """No source packet before this one is sent as it comes any more."""
        if distance(sequence, self._floor) > 0:
            self._floor = sequence

    def adopt(self, other: Cohort) -> None:
        """A member comes over from a cohort of the same source: go on where that one stands."""
        self.raise_floor(other._floor)
        is_ahead = self._last_sequence < 0 or distance(other._last_sequence, self._last_sequence) > 0
        if other._last_sequence >= 0 and is_ahead:
            self._last_sequence, self._last_timestamp = other._last_sequence, other._last_timestamp
            self._last_picture, self._last_tl0, self._last_at = other._last_picture, other._last_tl0, other._last_at
        self.packets, self.octets = max(self.packets, other.packets), max(self.octets, other.octets)

    def _note_newest(self, sequence: int, packet: bytes, written: bytes, now: float) -> None:
        """Remembers the newest packet."""
        if (sequence ^ self._last_sequence) & BLOCKS:
            self._move_bounds((sequence - BLOCK) & 0xFFFF)
        self._last_sequence, self._last_at = sequence, now
        self._last_timestamp = int.from_bytes(packet[4:8], "big")
        if self.key.codec == "VP8":
            found = vp8.parse(written, FIXED_SIZE)
            self._last_picture = found.picture_id if found.picture_id >= 0 else self._last_picture
            self._last_tl0 = found.tl0_picture_index if found.tl0_picture_index >= 0 else self._last_tl0

    def _move_bounds(self, least: int) -> None:
        """16-bit order holds for half the range only: nothing that is compared may be left further behind."""
        self.raise_floor(least)
        for chunk in self.chunks:
            for slot in chunk.members:
                if distance(slot.first_sequence, least) < 0:
                    slot.first_sequence = least


def extension(id_: int, number: int) -> bytes:
    """The extension block with a transport-wide number."""
    return bytes((0xBE, 0xDE, 0, 1, id_ << 4 | 1, number >> 8 & 0xFF, number & 0xFF, 0))


def renumber(cohorts: dict[CohortKey, Cohort], slot: Slot, control: SegmentControl | None) -> None:
    """Moves a slot between the cohort whose packets carry numbers and the one whose packets do not."""
    cohort = slot.cohort
    if cohort is not None:
        move(cohorts, slot, cohort.key._replace(number_id=slot.number_id), control)


def move(cohorts: dict[CohortKey, Cohort], slot: Slot, key: CohortKey, control: SegmentControl | None) -> None:
    """To the cohort of this key; the slot keeps its numbering."""
    old = slot.cohort
    if old is None or old.key == key:
        return
    new = cohorts.get(key)
    if new is None:
        new = cohorts[key] = Cohort(key, old.base, old.floor, control, old.red_type)
    new.adopt(old)
    old.remove(slot)
    if not old.size:
        cohorts.pop(old.key, None)
    new.add(slot)
    slot.cohort = new
