"""Sends the padding of a probe: RTX packets without contents, numbered, in small steps. Knows one viewer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media.bwe.probing import MIN_PADDING_BYTES, Probe
from media.bwe.send_history import NumberedStream, SendHistory
from media.cohort import NUMBER_BYTES, extension
from media.rtp.header import FIXED, FIXED_SIZE

if TYPE_CHECKING:
    from media.clock import Clock
    from media.slot import Slot

STEP_S = 0.01
MAX_PER_STEP = 40
MAX_STEPS = 60
MAX_PADDING = 255  # RFC 3550 §5.1: the last byte counts it


class ProbeSender:
    """At most one probe at a time."""

    def __init__(self, history: SendHistory, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._stream: NumberedStream | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        return self._timer is not None

    def start(self, probe: Probe, slot: Slot, media_bps: float) -> None:
        """Fills the media up to the probe's rate until its end."""
        self._step(probe, slot, max(probe.rate_bps - media_bps, 0.3 * probe.rate_bps), 0, 0)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self, probe: Probe, slot: Slot, padding_bps: float, sent_bytes: int, step: int) -> None:
        self._timer = None
        now_us = int(self._clock.monotonic() * 1_000_000)
        if step > MAX_STEPS or not slot.transport.is_connected:
            return
        if now_us > probe.until_us:
            self._send(slot, 1, MIN_PADDING_BYTES, now_us)  # what arrives behind a probe says that it is over
            return
        size = probe.packet_bytes
        due_bytes = padding_bps * (now_us - probe.from_us + STEP_S * 1_000_000) / 8_000_000 - sent_bytes
        count = min(int(due_bytes / size), MAX_PER_STEP)
        if count > 0:
            self._send(slot, count, size, now_us)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(STEP_S, self._step, probe, slot, padding_bps, sent_bytes + count * size, step + 1)

    def _send(self, slot: Slot, count: int, size: int, now_us: int) -> None:
        if self._stream is None:
            self._stream = self._history.open_stream()
        first = self._stream.note([size] * count, now_us)
        for number in range(first, first + count):
            slot.transport.send_rtp(_padding(slot, number & 0xFFFF, size))
        slot.transport.counters["padding_out"] += count


def _padding(slot: Slot, number: int, size: int) -> bytes:
    """RFC 4588 leaves empty RTX packets to the sender; browsers probe with them, too."""
    payload_type = next(iter(slot.codecs.values())).rtx_payload_type or 0
    padding = min(max(size - FIXED_SIZE - NUMBER_BYTES - slot.transport.tag_size, 1), MAX_PADDING)
    head = FIXED.pack(0xB0, payload_type, slot.next_rtx_sequence(), 0, slot.rtx_ssrc)
    return b"".join((head, extension(slot.offered_number_id, number), bytes(padding - 1), bytes((padding,))))
