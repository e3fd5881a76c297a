"""A room in which everything that may happen to numbers happens at random, and a ledger of what each viewer was sent.

The ledger knows only what passed the sockets and which source packets were taken: nothing of cohorts and histories.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import count

import pylibsrtp
from pylibsrtp import Policy, Session

from media.bwe.send_history import SendHistory
from media.publication import Publication
from media.rtp import vp8
from media.rtp.header import FIXED, FIXED_SIZE, payload_offset
from media.rtp.packet_cache import PacketCache
from media.rtp.sequence import distance, timestamp_distance
from media.sdp.negotiation import NegotiatedCodec
from media.slot import Slot
from media.udp import StreamAddress
from media.uptrack import MAX_AHEAD, UpTrack
from tests.unit.media.conftest import rtp
from tests.unit.media.stage import H264, VP8, Stage, Viewer, up_track

OPUS = NegotiatedCodec("opus", 111, 48000, 2, "", (), red_payload_type=63)
OLD_OPUS = NegotiatedCodec("opus", 111, 48000, 2, "", ())
SERIAL_BYTES = 8
SIZES = (0, 0, 0, 280, 900)
RTX_BEYOND = 100  # of a slot's SSRC


@dataclass
class Sent:
    """One source packet as it was taken."""

    publication: Publication
    epoch: PacketCache  # of its numbers: another one after each restart
    number: int  # beyond 16 bits
    is_late: bool
    packet: bytes


@dataclass
class Arrival:
    """One packet of a slot as its viewer saw it."""

    sealed: bytes
    packet: bytes
    source: Sent


class Encoder:
    """What feeds one layer."""

    def __init__(self, room: WanderingRoom, publication: Publication, layer: int, codec: NegotiatedCodec) -> None:
        self.room = room
        self.publication = publication
        self.layer = layer
        self.codec = codec
        self.sequence = room.rng.randrange(1 << 16)
        self.started = room.rng.randrange(1 << 32)
        self.picture = room.rng.randrange(1 << 15)
        self.held: list[bytes] = []

    @property
    def track(self) -> UpTrack:
        return up_track(self.publication, self.layer)

    @property
    def timestamp(self) -> int:
        return (self.started + int(self.room.stage.clock.now * self.codec.clock_rate)) & 0xFFFFFFFF

    def make(self, is_keyframe: bool) -> bytes:
        self.sequence = (self.sequence + 1) & 0xFFFF
        return self.packet(self.sequence, is_keyframe)

    def packet(self, sequence: int, is_keyframe: bool) -> bytes:
        rng = self.room.rng
        body = bytes(rng.choice(SIZES)) + next(self.room.serials).to_bytes(SERIAL_BYTES, "big")
        type_ = self.codec.payload_type
        if self.codec.name == "VP8":
            self.picture = (self.picture + 1) & 0x7FFF
            id_ = (0x80 | self.picture >> 8, self.picture & 0xFF, self.picture & 0xFF)
            body = bytes((0x90, 0xE0, *id_, 0x20, 0 if is_keyframe else 1)) + body
        elif self.codec.name == "H264":
            body = (b"\x67sps" if is_keyframe else b"\x41") + body
        elif self.codec.red_payload_type is not None and rng.random() < 0.7:
            type_ = self.codec.red_payload_type
            body = bytes((0x80 | 111, 0, 0, 5, 111)) + b"again" + body
        return rtp(sequence, self.timestamp, 1, body, type_)

    def leap(self) -> None:
        """As after a hole in the network."""
        self.sequence = (self.sequence + self.room.rng.randrange(MAX_AHEAD - 10)) & 0xFFFF

    def begin_anew(self, codec: NegotiatedCodec) -> None:
        """Another SSRC, another codec or another connection."""
        self.codec = codec
        self.held.clear()
        self.sequence = self.room.rng.randrange(1 << 16)
        self.room.stage.track(self.publication, codec, self.room.rng.randrange(1 << 32), self.layer)


class Watcher:
    """A viewer with two pictures and two voices, and what each of these slots was sent."""

    def __init__(self, room: WanderingRoom) -> None:
        self.room = room
        self.viewer: Viewer = room.stage.viewer()
        self.viewer.socket.setblocking(False)
        self.inbox: list[bytes] = []
        transport = self.viewer.transport
        transport.send_rtp = self._protect
        self._home = transport.address
        self._inbound = self._receiver()
        self.slots = [self._slot(index) for index in range(4)]
        self.arrivals: dict[int, dict[int, Arrival]] = {slot.ssrc: {} for slot in self.slots}
        self._pictures: dict[int, Arrival] = {}  # the newest that had an id
        self.repairs: dict[int, dict[int, bytes]] = {slot.rtx_ssrc: {} for slot in self.slots}

    def _receiver(self) -> Session:
        policy = Policy(
            key=self.viewer.key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        )
        policy.window_size = 8192
        return Session(policy)

    def _slot(self, index: int) -> Slot:
        is_video = index < 2
        codecs = (H264, VP8) if is_video else (self.room.rng.choice((OPUS, OLD_OPUS)),)
        ssrc = 500 + index
        kind = "video" if is_video else "audio"
        slot = Slot(self.viewer.transport, str(index), kind, codecs, ssrc, ssrc + RTX_BEYOND)  # type: ignore[arg-type]
        if is_video:
            slot.offered_number_id, slot.send_history = 5, self.room.history
        return slot

    def _protect(self, packet: bytes) -> None:
        try:
            self.inbox.append(self.viewer.outbound.protect(packet))
        except pylibsrtp.Error:  # too old for the sender's window
            self.room.counts["unsent"] += 1

    def change_address(self) -> None:
        """By TCP, and back."""
        self._drain()
        transport = self.viewer.transport
        is_stream = isinstance(transport.address, StreamAddress)
        transport.address = self._home if is_stream else StreamAddress("192.0.2.1", 9, self)
        for slot in self.slots:
            if slot.cohort is not None:
                slot.cohort.readdress(slot)

    # --- as a stream

    def send(self, datagram: bytes | memoryview, is_video: bool) -> None:
        assert isinstance(is_video, bool)
        self.inbox.append(bytes(datagram))

    def handle_admitted(self) -> None:
        raise AssertionError("nobody admits anything here")

    def close(self) -> None:
        raise AssertionError("nobody closes anything here")

    # --- what came

    def read(self) -> None:
        """All that is there, checked."""
        self._drain()
        inbox, self.inbox = self.inbox, []
        for sealed in inbox:
            self._note(sealed)

    def _drain(self) -> None:
        while True:
            try:
                self.inbox.append(self.viewer.socket.recv(2048))
            except BlockingIOError:
                return

    def _note(self, sealed: bytes) -> None:
        _, _, sequence, _, ssrc = FIXED.unpack_from(sealed)
        if ssrc in self.repairs:
            self._note_repair(ssrc, sealed)
            return
        known = self.arrivals[ssrc]
        highest = max(known, default=0)  # libsrtp's first rollover count is 0
        number = highest + distance(sequence, highest & 0xFFFF) if known else sequence
        before = known.get(number)
        if before is not None:
            assert before.sealed == sealed, f"number {number} of {ssrc} was used again with other contents"
            self.room.counts["repeated"] += 1
            return
        plain = self._inbound.unprotect(sealed)
        source = self.room.find(plain)
        known[number] = Arrival(sealed, plain, source)
        self.room.counts["wrapped"] += number > 0xFFFF
        if number > highest and len(known) > 1:
            self._check_time(known[highest], known[number], number - highest)
            self._check_picture(ssrc, known[number])
        elif number < highest:
            newest = known[highest].source
            assert newest.epoch is source.epoch, "a number of before a switch"
            assert newest.number - source.number == highest - number, "a number of before another beginning"
        self.room.counts["arrived"] += 1

    def _check_time(self, before: Arrival, after: Arrival, step: int) -> None:
        assert step < 0x8000, "the receiver's rollover counter would be wrong"
        passed = timestamp_distance(_timestamp(after), _timestamp(before))
        is_switch = before.source.epoch is not after.source.epoch
        assert passed >= is_switch, f"time went back by {-passed}"
        self.room.counts["switched"] += is_switch
        if step > 1 and self.room.is_calm:
            self._check_hole(before.source, after.source)

    def _check_picture(self, ssrc: int, after: Arrival) -> None:
        """Ids go on over switches, and over times with another codec."""
        if _picture(after.packet) < 0:
            return
        before = self._pictures.get(ssrc)
        self._pictures[ssrc] = after
        if before is None:
            return
        step = (_picture(after.packet) - _picture(before.packet)) & 0x7FFF
        by_source = (_picture(after.source.packet) - _picture(before.source.packet)) & 0x7FFF
        is_same = before.source.epoch is after.source.epoch
        self.room.counts["pictures"] += not is_same
        is_near = not self.room.is_calm and 0 < step < 0x100  # who leaves in the middle of a burst has a hole
        assert step == 1 or is_near or (is_same and step == by_source), f"picture ids jumped by {step}"

    def _check_hole(self, before: Sent, after: Sent) -> None:
        """Only what the source had not yet, or what was sent before who came in with a late packet, may be missing."""
        if before.is_late:
            return
        assert before.epoch is after.epoch, "a hole at a switch"
        between = [sent for sent in self.room.taken_of(before.epoch) if before.number < sent.number < after.number]
        assert all(sent.is_late for sent in between), "a hole that the source had not"

    def _note_repair(self, ssrc: int, sealed: bytes) -> None:
        known = self.repairs[ssrc]
        plain = self._inbound.unprotect(sealed)  # which also refuses a number that comes again
        number = max(known, default=0) + 1
        assert int.from_bytes(plain[2:4], "big") == number & 0xFFFF
        known[number] = plain
        original = int.from_bytes(plain[12:14], "big")
        arrivals = self.arrivals[ssrc - RTX_BEYOND]
        highest = max(arrivals, default=0)
        first = arrivals.get(highest + distance(original, highest & 0xFFFF))
        self.room.find(plain)
        if first is not None:
            assert plain[4:8] == first.packet[4:8], "a repair with another time"
            assert plain[14:] == first.packet[payload_offset(first.packet) :], "a repair with other contents"
            self.room.counts["repaired"] += 1


def _picture(packet: bytes) -> int:
    """The id of VP8; -1 for another codec."""
    return vp8.parse(packet, payload_offset(packet)).picture_id if packet[1] & 0x7F == VP8.payload_type else -1


def _timestamp(arrival: Arrival) -> int:
    return int.from_bytes(arrival.packet[4:8], "big")


class WanderingRoom:
    """``is_calm``: nothing happens while a burst goes out, so that holes can be told apart."""

    def __init__(self, stage: Stage, seed: int, is_calm: bool) -> None:
        self.stage = stage
        self.rng = random.Random(seed)
        self.is_calm = is_calm
        self.counts: Counter[str] = Counter()
        self.serials = count(1)
        self.history = SendHistory()
        self._taken: dict[int, Sent] = {}  # by serial
        self._by_epoch: dict[int, list[Sent]] = {}
        self._highest: dict[int, int] = {}
        self.encoders: list[Encoder] = []
        for name in "ab":
            self._publish(stage.publication(name, H264, rids=("q", "h", "f")), (H264, H264, H264))
            self._publish(stage.publication(name, OPUS, "microphone"), (OPUS,))
        self._publish(stage.publication("c", VP8), (VP8,))
        self.publications = list(dict.fromkeys(encoder.publication for encoder in self.encoders))
        self.watchers = [Watcher(self) for _ in range(5)]
        self.slots = [slot for watcher in self.watchers for slot in watcher.slots]

    def _publish(self, publication: Publication, codecs: tuple[NegotiatedCodec, ...]) -> None:
        self.encoders += [Encoder(self, publication, layer, codec) for layer, codec in enumerate(codecs)]

    # --- the ledger

    def offer(self, encoder: Encoder, packet: bytes, recovered: bool = False) -> None:
        """To the layer, which may refuse it."""
        track, serial = encoder.track, int.from_bytes(packet[-SERIAL_BYTES:], "big")
        sequence = int.from_bytes(packet[2:4], "big")
        before = track.cache
        if not track.receive(packet, FIXED_SIZE, self.stage.clock.now, recovered):
            self.counts["refused"] += 1
            return
        self.counts["restarted"] += before is not track.cache
        epoch = track.cache
        highest = self._highest.setdefault(id(epoch), sequence)
        number = highest + distance(sequence, highest & 0xFFFF)
        self._highest[id(epoch)] = max(highest, number)
        self.counts["late"] += number < highest
        sent = Sent(encoder.publication, epoch, number, number < highest, packet)
        self._taken[serial] = sent
        self._by_epoch.setdefault(id(epoch), []).append(sent)

    def find(self, packet: bytes) -> Sent:
        return self._taken[int.from_bytes(packet[-SERIAL_BYTES:], "big")]

    def taken_of(self, epoch: PacketCache) -> list[Sent]:
        return self._by_epoch[id(epoch)]

    def read(self) -> None:
        for watcher in self.watchers:
            watcher.read()
