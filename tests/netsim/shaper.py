"""What a bad network does to one direction of one client: pure, seeded, time comes in as an argument.

Jitter is that of queues and radio links by default: packets keep their order and come in clumps, the delay wanders
within ``delay_ms ± jitter_ms``. With ``reorders`` each packet has a delay of its own and overtakes others (as netem
does).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

HEADER_BYTES = 28  # IPv4 and UDP: a link's rate counts them
HOLD_S = 0.02  # how long the delay stays as it is: a frame's packets share it


@dataclass(frozen=True, slots=True)
class Impairments:
    """One direction of a network."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    reorders: bool = False
    loss: float = 0.0
    burst_loss: float = 0.0  # share in the long run, Gilbert-Elliott
    burst_packets: float = 4.0  # mean length of a burst
    duplicates: float = 0.0
    rate_bps: float = 0.0  # 0: unlimited
    queue_ms: float = 400.0  # what does not fit is dropped at the tail
    blackhole: bool = False


class Shaper:
    """Decides for each packet when it comes out: never, once, or twice.

    The same number of random values is drawn for each packet, so that which are lost depends on the seed and on their
    order alone.
    """

    def __init__(self, impairments: Impairments, seed: str) -> None:
        self._random = random.Random(seed)
        self._impairments = impairments
        self._in_burst = False
        self._offset = 0.0
        self._offset_until = 0.0
        self._busy_until = 0.0
        self._last_out = 0.0
        self.passed = self.lost = self.queue_drops = self.doubled = 0

    @property
    def impairments(self) -> Impairments:
        return self._impairments

    @impairments.setter
    def impairments(self, value: Impairments) -> None:
        """From now on; what is under way comes out as it would have, and is not overtaken."""
        self._impairments = value
        self._in_burst = False
        self._offset_until = 0.0
        self._busy_until = 0.0

    def offer(self, size: int, now: float) -> tuple[float, ...]:
        """The times at which this packet comes out."""
        shape = self._impairments
        draw = self._random.random
        loss, burst, offset, double = draw(), draw(), draw(), draw()
        if self._is_lost(shape, loss, burst):
            self.lost += 1
            return ()
        sent = self._transmitted(shape, size, now)
        if sent is None:
            self.queue_drops += 1
            return ()
        out = self._arrival(shape, sent, offset)
        self.passed += 1
        if double < shape.duplicates:
            self.doubled += 1
            return out, out
        return (out,)

    def _is_lost(self, shape: Impairments, loss: float, burst: float) -> bool:
        if shape.burst_loss:
            leave = 1 / shape.burst_packets
            enter = leave * shape.burst_loss / (1 - shape.burst_loss)
            self._in_burst = burst >= leave if self._in_burst else burst < enter
        return shape.blackhole or self._in_burst or loss < shape.loss

    def _transmitted(self, shape: Impairments, size: int, now: float) -> float | None:
        """When the last bit has left the queue; None when the queue is full."""
        if not shape.rate_bps:
            return now
        begin = max(now, self._busy_until)
        if begin - now > shape.queue_ms / 1000:
            return None
        self._busy_until = begin + (size + HEADER_BYTES) * 8 / shape.rate_bps
        return self._busy_until

    def _arrival(self, shape: Impairments, sent: float, offset: float) -> float:
        if shape.reorders or sent >= self._offset_until:
            self._offset = (2 * offset - 1) * shape.jitter_ms / 1000
            self._offset_until = sent + HOLD_S
        out = sent + max(0.0, shape.delay_ms / 1000 + self._offset)
        if not shape.reorders:
            out = self._last_out = max(out, self._last_out)
        return out
