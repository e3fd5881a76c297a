"""The sending half of a connection: its slots, what the viewer says of them, and what its budget makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from media.allocator import Allocator
from media.bwe import feedback
from media.bwe.budget import Budget
from media.bwe.resends import Resends
from media.bwe.send_history import SendHistory
from media.cohort import renumber
from media.control import QualityLevel
from media.probe_sender import ProbeSender
from media.rtp import rtcp
from media.rtp.header import TRANSPORT_CC_URI
from media.sdp.negotiation import NegotiatedMedia
from media.slot import Slot
from media.transport import Transport

if TYPE_CHECKING:
    from media.environment import Environment

# Between two looks at the budget: while something is left out or too much, while it is measured, and otherwise.
BUSY_S, WATCHING_S, RESTING_S = 0.1, 0.25, 2.0
HOLE_S = 4.0  # reports come about every second, and tell of packets that were waited for
SILENT_S = 3.0  # receivers report every second or so
VIDEO_FROM, RTX_FROM = 0x80, 0x100  # SSRCs beyond the first: more than a connection may ever have lines
MAX_DELAY_UNITS = 10 * 65536  # of a receiver report; what says more is not believed


class Standing(NamedTuple):
    """Where a viewer is on the ladder."""

    level: QualityLevel
    is_chosen: bool
    budget_bps: int


class Downlink:
    """Owned by a connection. ``tick`` alone moves slots between cohorts, so never while a burst goes out."""

    def __init__(self, transport: Transport, environment: Environment, history: SendHistory) -> None:
        now = environment.clock.monotonic()
        self.slots: list[Slot] = []
        self.budget = Budget(now, phase=random.random())  # noqa: S311 - no secret
        self.allocator = Allocator(self.slots, self.budget)
        self._transport = transport
        self._environment = environment
        self._history = history
        self._probes = ProbeSender(history, environment.clock)
        self._by_ssrc: dict[int, Slot] = {}
        self._is_measured = False
        self.due_at = now  # of the next look at the budget
        self._moved_at = float("-inf")
        self._heard_at = now  # by what is said of slots
        self._resends = Resends(now)

    # --- slots

    def configure(self, media: Iterable[NegotiatedMedia]) -> None:
        """Takes over a negotiation: new lines become slots, lines that were taken back close theirs."""
        slots = {item.mid: item for item in media if item.is_slot}
        for slot in self.slots:
            slot.is_open = slot.mid in slots
            if not slot.is_open:
                _clear(slot)
            slots.pop(slot.mid, None)
        for item in slots.values():
            self._add(item)

    def close(self) -> None:
        self._probes.stop()
        for slot in self.slots:
            _clear(slot)

    def _add(self, item: NegotiatedMedia) -> None:
        index = sum(slot.kind == item.media_kind for slot in self.slots)
        # The same SSRC for the same place of everyone: that is what lets viewers share one header.
        # Lines that were taken back keep theirs: one SSRC for two of them would use nonces twice (RFC 7714 §8.2).
        ssrc = self._environment.ssrc_base + (index if item.kind == "audio" else VIDEO_FROM + index)
        slot = Slot(self._transport, item.mid, item.media_kind, item.codecs, ssrc, ssrc + RTX_FROM)
        number = item.extensions.get(TRANSPORT_CC_URI)
        if number is not None:
            slot.offered_number_id = number.id
            slot.send_history = self._history
            slot.limit = 0  # until more is known
        self.slots.append(slot)
        self._by_ssrc[slot.ssrc] = slot

    def handle_moved(self) -> None:
        """The client's address changed: prepared messages must follow, and the path is another."""
        for slot in self.slots:
            if slot.cohort is not None:
                slot.cohort.readdress(slot)
        now = self._environment.clock.monotonic()
        self._moved_at = now if self.budget.has_feedback else self._moved_at
        self.budget.handle_moved(now)
        self.due_at = float("-inf")

    # --- what the viewer says

    def handle_nack(self, packet: bytes, part: rtcp.Part, now: float) -> None:
        slot = self._by_ssrc.get(rtcp.read_media_ssrc(packet, part))
        if slot is None:
            return
        self._note_heard(now)
        counters = self._transport.counters
        counters["nack_in"] += 1
        wanted = rtcp.read_nack(packet, part)
        resends = self._resends
        due = resends.due(slot.ssrc, wanted, now, self.budget.estimator.rtt_s)
        allowed = due[: resends.take(len(due), slot.kind == "video", self._known_limit_bps, now)]
        resends.note(slot.ssrc, allowed, now)
        counters["drop_resend_again"] += len(wanted) - len(due)
        counters["drop_resend_rate"] += len(due) - len(allowed)
        sent, missing = slot.resend(allowed)
        counters["resent"] += sent
        counters["resend_missing"] += missing

    @property
    def _known_limit_bps(self) -> float | None:
        return self.budget.limit_bps if self.budget.has_feedback else None

    def handle_keyframe_request(self, packet: bytes, part: rtcp.Part, now: float) -> None:
        if part.format == rtcp.FMT_PLI:
            wanted = [rtcp.read_media_ssrc(packet, part)]
        elif part.format == rtcp.FMT_FIR:
            wanted = rtcp.read_fir_ssrcs(packet, part)
        else:
            return
        for ssrc in wanted:
            slot = self._by_ssrc.get(ssrc)
            if slot is not None and slot.publication is not None:
                self._transport.counters["pli_in"] += 1
                if slot.keyframe_wishes.take(now):
                    slot.request_keyframe(now)
                else:
                    self._transport.counters["drop_pli_rate"] += 1

    def handle_feedback(self, packet: bytes, part: rtcp.Part, now: float) -> None:
        """Transport-wide feedback: what has arrived, and when. Raises ValueError."""
        self._note_heard(now)
        message = feedback.read(packet, part.start, part.end)
        self._transport.counters["feedback_in"] += 1
        if self._history.times_us:
            self.budget.feed(message, self._history, now)
            self._hurry(now)

    def handle_reports(self, packet: bytes, part: rtcp.Part, now: float) -> None:
        """The report blocks of a receiver: losses, and the round trip. Raises ValueError."""
        self._note_heard(now)
        worst: int | None = None  # None: no block tells of what was sent just now and lost behind us
        rtt_s: float | None = None
        is_ours = False
        for block in rtcp.read_report_blocks(packet, part):
            slot = self._by_ssrc.get(block.ssrc)
            if slot is None or slot.layer is None:
                continue
            is_ours = True
            # What the publisher lost on his way to us is missing from the viewer's numbers as well, and so is what
            # went to an address that the viewer had left, or before the slot or its source rested.
            is_ours_alone = slot.take_report(block.highest_sequence)
            if is_ours_alone and now - max(slot.layer.hole_at, self._moved_at) > HOLE_S:
                worst = max(worst or 0, block.fraction_lost)
            sent_at = slot.layer.reports.get(block.last_sr)
            if sent_at is not None and block.delay_since_last_sr < MAX_DELAY_UNITS:
                rtt_s = max(now - sent_at - block.delay_since_last_sr / 65536, 0.0)
        if is_ours:
            sound_bps = self.allocator.sound_bps
            loss = None if worst is None else worst / 256
            self.budget.report(loss, rtt_s, self.allocator.needed_bps + sound_bps, now, sound_bps)
            self._hurry(now)

    def _note_heard(self, now: float) -> None:
        """Who comes out of a tunnel has lost more than can be repaired, and would ask for a keyframe seconds later."""
        silent_s, self._heard_at = now - self._heard_at, now
        if silent_s > SILENT_S:
            for slot in self.slots:
                if slot.layer is not None:
                    slot.request_keyframe(now)

    # --- time

    def tick(self, now: float) -> list[Slot] | None:
        """Measures, allocates and probes: the slots whose pause has changed. None while nobody is connected.

        To be called from ``due_at`` on, and whenever what is wanted has changed.
        """
        if not self._transport.is_connected:
            return None
        allocator, budget = self.allocator, self.budget
        is_sending = any(slot.cohort is not None and slot.number_id for slot in self.slots)
        self._measure(budget.tick(allocator.needed_bps, allocator.wanted_bps, now, is_sending))
        changed = allocator.allocate(now)
        if self._is_measured and not self._probes.is_busy:
            self._probe(now)
        self.due_at = now + self._pause_s(now)
        return changed

    def _pause_s(self, now: float) -> float:
        if not self._is_measured:
            return RESTING_S
        is_content = self.allocator.needed_bps >= self.allocator.wanted_bps and not self.budget.is_strained(now)
        return WATCHING_S if is_content else BUSY_S

    def _hurry(self, now: float) -> None:
        """A path that has just become too narrow, or is complained of, does not wait for the next look."""
        budget = self.budget
        if self.due_at > now and (budget.is_strained(now) or (not self._is_measured and budget.is_troubled(now))):
            self.due_at = min(self.due_at, now + BUSY_S)

    def choose(self, cap: QualityLevel | None) -> None:
        """By hand: no more than this."""
        self.allocator.ladder.cap = cap

    @property
    def standing(self) -> Standing:
        level, budget = self.allocator.level, self.budget
        bps = 0
        if budget.has_feedback:
            bps = int(budget.estimator.bps) + self.allocator.sound_bps
        elif budget.is_silent:
            bps = int(budget.limit_bps or 0)
        return Standing(level, level is self.allocator.ladder.cap, bps)

    def _measure(self, is_measured: bool) -> None:
        if is_measured is self._is_measured:
            return
        self._is_measured = is_measured
        for slot in self.slots:
            if slot.offered_number_id:
                slot.number_id = slot.offered_number_id if is_measured else 0
                if slot.layer is not None:
                    renumber(slot.layer.cohorts, slot, self._environment.forwarder.control)

    def _probe(self, now: float) -> None:
        slot = next((slot for slot in self.slots if slot.offered_number_id and slot.is_open), None)
        if slot is None:
            return
        needed = self.allocator.needed_bps
        probe = self.budget.begin_probe(needed, self.allocator.wanted_bps, now)
        if probe is not None:
            self._transport.counters["probes"] += 1
            self._probes.start(probe, slot, needed)


def _clear(slot: Slot) -> None:
    if slot.publication is not None:
        slot.publication.detach(slot)
    slot.wanted_id = None
