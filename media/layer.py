"""One encoding of a publication: its current track (in), and the cohorts that it is forwarded to (out).

A source without simulcast has a single layer with the rid "". Knows neither sizes of pictures nor budgets.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from media.cohort import RED, Cohort, CohortKey, move
from media.continuity import RESTED_S, Numbering, go_on, picture_deltas
from media.keyframes import KeyframeRequests
from media.rtp.header import FIXED
from media.rtp.sequence import distance

if TYPE_CHECKING:
    from media.bwe.send_history import NumberedStream
    from media.forwarding import Forwarder
    from media.links.outlet import Outlet
    from media.publication import Publication
    from media.slot import Slot
    from media.track import Track

# A new receiver must see a packet before its sequence wraps, and none that comes late from before a wrap: its rollover
# counter would be wrong.
BEHIND_WRAP, NEAR_WRAP = 0x400, 0xFE00


class Layer:
    """Owned by its publication."""

    def __init__(self, publication: Publication, rid: str, forwarder: Forwarder) -> None:
        self.publication = publication
        self.rid = rid
        self.kind = publication.kind
        self.source = publication.source
        self.track: Track | None = None
        self.ended: Track | None = None  # withdrawn: it does not come back, another one may
        self.height = 0  # of its pictures, 0 until the first keyframe
        self.bitrate_bps = 0
        self.frames_per_s = 0.0
        self.is_flowing = False
        self.is_at_keyframe = False  # the newest packet begins one
        self.last_packet_at = float("-inf")
        self.hole_at = float("-inf")  # when packets were last missing on the way to us
        self._sequence = -1
        self.cohorts: dict[CohortKey, Cohort] = {}
        self.waiting: list[Slot] = []
        self.pending: list[bytes | None] = []  # None: let those who wait begin with the next packet
        self.is_pending = False
        self.beginnings = 0  # of sources: what is left of the former one's burst is not sent
        self.keyframes = KeyframeRequests()
        self.usual_bps = 0  # what it takes when it flows, without every dip
        self.numbers: NumberedStream | None = None  # while viewers are measured
        self.reports: dict[int, float] = {}  # middle of the NTP time of recent sender reports → when they left
        self.outlets: tuple[Outlet, ...] = ()  # of other workers whose viewers look at it
        self._forwarder = forwarder
        self._octets = 0
        self._frames = 0
        self._measured_at = float("-inf")
        self._timestamp = b""

    @property
    def codec(self) -> str:
        return self.track.codec.name if self.track is not None else ""

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a keyframe who can take this codec."""
        name = self.codec
        return any(name in slot.codecs and slot.transport.is_connected for slot in self.waiting)

    # --- on the way in

    def set_track(self, track: Track) -> None:
        """A new source, after a reconnect or a restart of the encoder: every slot goes on with it from a keyframe.

        What is pending is dropped: a slot that began with the former source's numbers would go on with these.
        """
        self.beginnings += 1
        self.pending.clear()
        self._sequence = -1
        members = self.members()
        for slot in members:
            self.leave(slot)
        self.track = track
        self.keyframes.arrived()
        for slot in members:
            if slot.awaited is None:
                self.wait(slot)

    def restart(self, track: Track) -> None:
        """The numbers of the source have jumped: for everybody who looks at it this is another one."""
        self.set_track(track)
        for outlet in self.outlets:
            outlet.handle_track(track)

    def end(self) -> bool:
        """The source was withdrawn. False when there was none."""
        if self.track is None or self.track is self.ended:
            return False
        self.ended = self.track
        self.is_flowing = False
        return True

    def accept(self, packet: bytes, is_keyframe: bool, now: float) -> None:
        """One packet to forward, stripped of its extensions."""
        if self._sequence >= 0 and now - self.last_packet_at > RESTED_S:
            self.hole_at = now  # what a viewer lost of the last packets before a rest he misses only now
        self.last_packet_at = now
        is_newest = self._note_newest(packet, now)
        self.is_at_keyframe = is_keyframe
        self._octets += len(packet)
        if packet[4:8] != self._timestamp:
            self._timestamp = packet[4:8]
            self._frames += 1
        if not self.is_flowing:
            self.is_flowing = True
            self.publication.handle_flow()
        if is_keyframe:
            self.keyframes.arrived()
        for outlet in self.outlets:
            outlet.send(self, packet, is_keyframe)
        if self.waiting and (is_keyframe or (self.kind == "audio" and is_newest)):
            self.pending.append(None)
        elif not self.cohorts and not self.pending:  # pending: somebody begins in this very drain
            return
        self.pending.append(packet)
        if not self.is_pending:
            self.is_pending = True
            self._forwarder.handle_pending(self)

    def _note_newest(self, packet: bytes, now: float) -> bool:
        """Whether it is not a late one."""
        sequence = packet[2] << 8 | packet[3]
        ahead = (sequence - self._sequence) & 0xFFFF if self._sequence >= 0 else 1
        if ahead >= 0x8000:
            return False
        self._sequence = sequence
        if ahead > 1:
            self.hole_at = now
        return True

    def measure(self, now: float) -> None:
        """Bitrate and frames since the last call, about a second ago."""
        passed_s = now - self._measured_at
        if passed_s <= 0:
            return
        self.bitrate_bps = int(self._octets * 8 / passed_s)
        if self.bitrate_bps:
            gain = 0.5 if self.bitrate_bps > self.usual_bps else 0.1
            self.usual_bps += int(gain * (self.bitrate_bps - self.usual_bps)) if self.usual_bps else self.bitrate_bps
        self.frames_per_s = self._frames / passed_s
        self._octets = self._frames = 0
        self._measured_at = now

    def request_keyframe(self, now: float) -> None:
        if self.kind == "video" and self.track is not None and self.keyframes.request(now):
            self.track.send_pli(now)

    # --- on the way out

    def wait(self, slot: Slot) -> None:
        """The slot begins here at the next keyframe; until then it stays where it is."""
        slot.awaited = self
        self.waiting.append(slot)

    def forget(self, slot: Slot) -> None:
        """It need not wait any longer."""
        slot.awaited = None
        self.waiting.remove(slot)

    def promote(self, first_packet: bytes, now: float) -> None:
        """Puts those who wait into a cohort that begins with this packet. Who cannot take the codec waits on."""
        track = self.track
        if track is None:
            return
        waiting, self.waiting = self.waiting, []
        for slot in waiting:
            if track.codec.name not in slot.codecs or not slot.transport.is_connected:
                self.waiting.append(slot)
                continue
            slot.awaited = None
            has_rested = slot.layer is None and slot.has_rested(now)
            if slot.layer is not None:
                slot.layer.leave(slot)
            self._join(slot, track, first_packet, now)
            if has_rested:
                slot.handle_resumed()

    def leave(self, slot: Slot) -> None:
        """The slot's stream stops here; another layer or publication may go on with it."""
        cohort = slot.cohort
        if cohort is None:
            return
        self._remember(slot, cohort)
        cohort.remove(slot)
        slot.cohort = slot.layer = None
        if not cohort.size:
            self.cohorts.pop(cohort.key, None)

    def reform(self, slot: Slot) -> None:
        """The slot wants its sound with redundancy, or without, from the next packet on."""
        cohort, track = slot.cohort, self.track
        if cohort is None or track is None:
            return
        codec, payload_type = _form(slot, track)
        if cohort.last_sequence >= 0 and codec != cohort.key.codec:
            # What went out in one form must not be resent in the other: its nonce is used (RFC 7714 §8.2).
            self._remember(slot, cohort)
            slot.first_sequence = (cohort.last_sequence + 1) & 0xFFFF
        key = cohort.key._replace(codec=codec, payload_type=payload_type)
        move(self.cohorts, slot, key, self._forwarder.control)

    def members(self) -> list[Slot]:
        return [slot for cohort in self.cohorts.values() for chunk in cohort.chunks for slot in chunk.members]

    # --- private

    def _join(self, slot: Slot, track: Track, packet: bytes, now: float) -> None:
        sequence = FIXED.unpack_from(packet)[2]
        codec, payload_type = _form(slot, track)
        key = CohortKey(slot.ssrc, payload_type, codec, slot.transport.tag_size, number_id=slot.number_id)
        shared = None
        if slot.history is not None:
            slot.numbering = go_on(slot.history, slot.history_ntp, track, packet, now)
            if codec == "VP8":
                picture_delta, tl0_delta = picture_deltas(slot.history, packet)
                key = key._replace(picture_delta=picture_delta, tl0_delta=tl0_delta)
        else:
            shared = self._largest(key, sequence)
            if shared is not None:
                key, slot.numbering = shared.key._replace(number_id=slot.number_id), shared.base
            else:
                first = random.randrange(BEHIND_WRAP, 0x4000)  # noqa: S311 - no secret
                slot.numbering = Numbering((first - sequence) & 0xFFFF, 0)
        cohort = self.cohorts.get(key)
        if cohort is None:
            cohort = self._open(key, slot.numbering, sequence, track)
        elif shared is None:
            cohort.raise_floor(sequence)  # the numbers before carried something else to this viewer
        slot.cohort = cohort
        slot.layer = self
        slot.first_sequence = sequence
        cohort.add(slot)

    def _open(self, key: CohortKey, numbering: Numbering, sequence: int, track: Track) -> Cohort:
        """A new cohort. It is written with the numbering of its sibling, between which viewers move."""
        siblings = (cohort for other, cohort in self.cohorts.items() if other[:-1] == key[:-1])
        sibling = next(siblings, None)
        base = sibling.base if sibling is not None else numbering
        cohort = Cohort(key, base, sequence, self._forwarder.control, track.codec.red_payload_type)
        self.cohorts[key] = cohort
        return cohort

    def _largest(self, key: CohortKey, sequence: int) -> Cohort | None:
        """Whose numbering a slot without a past takes, so that headers are shared."""
        fitting = [
            cohort
            for other, cohort in self.cohorts.items()
            if other[:4] == key[:4] and BEHIND_WRAP <= (sequence + cohort.base.sequence) & 0xFFFF < NEAR_WRAP
        ]
        return max(fitting, key=lambda cohort: cohort.size, default=None)

    def _remember(self, slot: Slot, cohort: Cohort) -> None:
        """Where the slot's stream stands now. VP8's picture ids are remembered over times with another codec."""
        history, before = cohort.history(slot.numbering), slot.history
        if history is None or distance(cohort.last_sequence, slot.first_sequence) < 0:
            return  # nothing was sent since: its stream stands where it stood
        if before is not None and cohort.key.codec != "VP8":
            history = history._replace(picture_id=before.picture_id, tl0=before.tl0)
        slot.history = history
        slot.history_ntp = self.track.ntp_of(cohort.last_timestamp) if self.track is not None else None


def _form(slot: Slot, track: Track) -> tuple[str, int]:
    """In which codec and payload type the slot gets the track: sound with redundancy where both ends have it.

    The blocks inside name their payload type; they pass as they are, so it must be the same for both.
    """
    codec, source = slot.codecs[track.codec.name], track.codec
    if (
        slot.is_lean
        or codec.red_payload_type is None
        or source.red_payload_type is None
        or codec.payload_type != source.payload_type
    ):
        return source.name, codec.payload_type
    return RED, codec.red_payload_type
