"""What a participant offers from one source: its current track (in), and the cohorts that it is forwarded to (out)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from media.codec_choice import CodecChoice, VideoCodec
from media.cohort import Cohort, CohortKey, History
from media.control import Kind, Source
from media.keyframes import KeyframeRequests
from media.rtp import vp8
from media.rtp.header import FIXED, FIXED_SIZE
from media.slot import Slot

if TYPE_CHECKING:
    from media.forwarding import Forwarder
    from media.uptrack import UpTrack

NEAR_WRAP = 0xFE00  # a new receiver must see a packet before its sequence wraps, or its rollover counter is wrong
FLOWING_S = 3.0
QUIET_S = 0.5


class Publication:
    """Identified by ``participant_id + ":" + source``; lives as long as the participant's seat."""

    def __init__(self, participant_id: str, source: Source, forwarder: Forwarder) -> None:
        self.id = f"{participant_id}:{source}"
        self.participant_id = participant_id
        self.source = source
        self.kind: Kind = "video" if source in ("camera", "screen") else "audio"
        self.is_granted = False
        self.is_flowing = False
        self.last_packet_at = float("-inf")
        self.track: UpTrack | None = None
        self.ended: UpTrack | None = None  # withdrawn: it does not come back, another one may
        self.quiet_until = float("-inf")  # what was on its way when the source was withdrawn is dropped
        self.cohorts: dict[CohortKey, Cohort] = {}
        self.waiting: list[Slot] = []
        self.pending: list[bytes | None] = []  # None: let those who wait begin with the next packet
        self.is_pending = False
        self.keyframes = KeyframeRequests()
        self.sendable: frozenset[str] = frozenset()  # codecs that its newest connection has negotiated
        self._choice = CodecChoice()
        self._forwarder = forwarder

    @property
    def codec(self) -> str:
        return self.track.codec.name if self.track is not None else ""

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a keyframe who can take this codec."""
        name = self.codec
        return any(name in slot.codecs and slot.transport.is_connected for slot in self.waiting)

    def wanted_codec(self, now: float) -> VideoCodec | None:
        """Another codec that the publisher shall be asked for now, because of those who look on."""
        # While H.264 flows, who cannot take it waits; only a publication that was turned is looked at as a whole.
        viewers = [*self.waiting, *self._members()] if self._choice.has_asked else self.waiting
        is_vp8_needed = any(_needs_vp8(slot) for slot in viewers)
        return self._choice.ask(now, self.codec, self.sendable, is_vp8_needed)

    # --- on the way in

    def set_track(self, track: UpTrack) -> None:
        """A new source, after a reconnect or a restart of the encoder: every slot goes on with it from a keyframe."""
        self.track = track
        self.keyframes.arrived()
        for slot in self._members():
            self._leave(slot)
            self.waiting.append(slot)

    def end(self, now: float) -> UpTrack | None:
        """The source was withdrawn. The track that has ended by it."""
        if self.track is None or self.track is self.ended:
            return None
        self.ended = self.track
        self.quiet_until = now + QUIET_S
        return self.ended

    def accept(self, packet: bytes, is_keyframe: bool) -> None:
        """One packet to forward, stripped of its extensions."""
        if is_keyframe:
            self.keyframes.arrived()
        if self.waiting and (is_keyframe or self.kind == "audio"):
            self.pending.append(None)
        elif not self.cohorts and not self.pending:  # pending: somebody begins in this very drain
            return
        self.pending.append(packet)
        if not self.is_pending:
            self.is_pending = True
            self._forwarder.handle_pending(self)

    # --- on the way out

    def attach(self, slot: Slot, now: float) -> None:
        """Begins at the next keyframe, which is asked for at once."""
        slot.publication = self
        self.waiting.append(slot)
        if self.is_awaited:
            self.request_keyframe(now)

    def detach(self, slot: Slot) -> None:
        if slot in self.waiting:
            self.waiting.remove(slot)
        self._leave(slot)
        slot.publication = None

    def detach_all(self) -> None:
        for slot in (*self.waiting, *self._members()):
            self.detach(slot)

    def request_keyframe(self, now: float) -> None:
        if self.kind == "video" and self.track is not None and self.keyframes.request(now):
            self.track.send_pli()

    def promote(self, first_packet: bytes, now: float) -> None:
        """Puts those who wait into a cohort that begins with this packet. Who cannot take the codec waits on."""
        track = self.track
        if track is None:
            return
        waiting, self.waiting = self.waiting, []
        for slot in waiting:
            if track.codec.name not in slot.codecs or not slot.transport.is_connected:
                self.waiting.append(slot)
            else:
                self._join(slot, track, first_packet, now)

    def _join(self, slot: Slot, track: UpTrack, packet: bytes, now: float) -> None:
        sequence = FIXED.unpack_from(packet)[2]
        base = CohortKey(
            slot.ssrc, slot.codecs[track.codec.name].payload_type, track.codec.name, slot.transport.tag_size, 0, 0
        )
        if slot.history is not None:
            key = _continue(base, slot, packet, now, track.codec.clock_rate)
        else:
            key = self._adopt(base, sequence) or base._replace(
                sequence_delta=(random.randrange(1, 0x4000) - sequence) & 0xFFFF  # noqa: S311 - no secret
            )
        cohort = self.cohorts.get(key)
        if cohort is None:
            cohort = self.cohorts[key] = Cohort(key, sequence, self._forwarder.control)
        slot.cohort = cohort
        slot.first_sequence = sequence
        cohort.add(slot)

    def _adopt(self, base: CohortKey, sequence: int) -> CohortKey | None:
        """A slot without a past takes the numbering of the largest fitting cohort, so that headers are shared."""
        fitting = [
            cohort
            for key, cohort in self.cohorts.items()
            if key[:4] == base[:4] and (sequence + key.sequence_delta) & 0xFFFF < NEAR_WRAP
        ]
        return max(fitting, key=lambda cohort: cohort.size).key if fitting else None

    def _leave(self, slot: Slot) -> None:
        cohort = slot.cohort
        if cohort is None:
            return
        slot.history = _history(cohort, slot.history)
        cohort.remove(slot)
        slot.cohort = None
        if not cohort.size:
            self.cohorts.pop(cohort.key, None)

    def _members(self) -> list[Slot]:
        return [slot for cohort in self.cohorts.values() for chunk in cohort.chunks for slot in chunk.members]


def _history(cohort: Cohort, before: History | None) -> History | None:
    """Where the slot's stream stands now. VP8's picture ids are remembered over times with another codec."""
    history = cohort.history()
    if history is None or before is None or cohort.key.codec == "VP8":
        return history or before
    return history._replace(picture_id=before.picture_id, tl0=before.tl0)


def _needs_vp8(slot: Slot) -> bool:
    return "H264" not in slot.codecs and "VP8" in slot.codecs and slot.transport.is_connected


def _continue(base: CohortKey, slot: Slot, packet: bytes, now: float, clock_rate: int) -> CohortKey:
    """Numbers that go on where the slot's last source stopped: the receiver sees one stream."""
    history = slot.history
    if history is None:
        return base
    _, _, sequence, timestamp, _ = FIXED.unpack_from(packet)
    passed = max(1, int((now - history.at) * clock_rate))
    key = base._replace(
        sequence_delta=(history.sequence + 1 - sequence) & 0xFFFF,
        timestamp_delta=(history.timestamp + passed - timestamp) & 0xFFFFFFFF,
    )
    if base.codec != "VP8":
        return key
    found = vp8.parse(packet, FIXED_SIZE)
    return key._replace(
        picture_delta=(history.picture_id + 1 - found.picture_id) & 0x7FFF if found.picture_id >= 0 else 0,
        tl0_delta=(history.tl0 + 1 - found.tl0_picture_index) & 0xFF if found.tl0_picture_index >= 0 else 0,
    )
