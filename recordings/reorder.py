"""Puts the packets of one RTP stream in order and tells what is lost for good. Pure.

The recorder has no latency budget, so that a resent packet may come up to half a second late.
"""

from __future__ import annotations

from typing import NamedTuple

from recordings.rtp import RtpPacket, sequence_delta

MAX_WAIT_US = 500_000
_RESTART_DISTANCE = 3000  # RFC 3550 appendix A.1, MAX_DROPOUT


class Ordered(NamedTuple):
    """A packet in its turn. ``lost_before`` packets of the stream will never come."""

    packet: RtpPacket
    arrival_us: int
    lost_before: int


class ReorderBuffer:
    """One stream (SSRC). ``push`` takes packets as they arrive, ``pop`` gives them in order."""

    def __init__(self, max_wait_us: int = MAX_WAIT_US) -> None:
        self._max_wait_us = max_wait_us
        self._waiting: dict[int, tuple[RtpPacket, int]] = {}
        self._next: int | None = None
        self.late = 0

    def push(self, packet: RtpPacket, arrival_us: int) -> None:
        if self._next is None:
            self._next = packet.sequence
        distance = sequence_delta(packet.sequence, self._next)
        if abs(distance) > _RESTART_DISTANCE:
            self._waiting.clear()
            self._next = packet.sequence
        elif distance < 0:
            self.late += 1
            return
        self._waiting.setdefault(packet.sequence, (packet, arrival_us))

    def pop(self, now_us: int) -> list[Ordered]:
        """What is in order by now; a hole is given up when a packet behind it has waited too long."""
        ready: list[Ordered] = []
        while self._waiting and self._next is not None:
            lost = 0
            if self._next not in self._waiting:
                oldest = min(arrival for _, arrival in self._waiting.values())
                if now_us - oldest < self._max_wait_us:
                    break
                expected = self._next
                self._next = min(self._waiting, key=lambda sequence: sequence_delta(sequence, expected))
                lost = sequence_delta(self._next, expected)
            packet, arrival_us = self._waiting.pop(self._next)
            self._next = (self._next + 1) & 0xFFFF
            ready.append(Ordered(packet, arrival_us, lost))
        return ready
