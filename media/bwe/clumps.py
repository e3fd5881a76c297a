"""Takes the hold-ups of a radio out of arrival times, so that a sender does not mistake them for a queue. Pure.

A wireless link holds packets back and lets them go in one piece, and libwebrtc's delay-based estimate takes every rise
of the delay for a bottleneck: behind 40 ± 60 ms without any loss Chromium falls from 3.6 Mbit/s to 160 kbit/s. But what
waits for a bottleneck comes out of it one by one, as fast as it lets through. What left over some time and arrives all
at once, much faster than the whole stream comes, did not wait for that. While this is seen, packets are reported with
the delay that is usual here, or with the least of the last moments where that is clearly more: so a queue still shows.
"""

from __future__ import annotations

from media.bwe.level import DelayLevel

TICKS_PER_S, WRAP = 1 << 18, 1 << 24  # of the header extension abs-send-time: 6.18 bits of seconds
GAP_US = 3_000  # packets that arrive closer than this are one clump
LONG_US = 15_000  # of sending: a pacer's own bursts are shorter
FASTER = 2.0  # than the stream
SEEN_US = 1_000_000  # so long is a clump believed
RATE_US = 1_000_000
STEP_US, NOISE_GAIN = 20_000, 0.02  # between the packets whose delays are compared: frames of any rate have as many
FIRST_NOISE_S = 0.03  # of a radio, until it is known
PATIENCE = 1.5  # with what may still be the radio
MAX_MOVE_US = 500_000  # of a time that is reported; more no radio does
RESET_S = 2.0  # another clock, or a rest


class Clumps:
    """The arrivals of one transport, in the order in which they came."""

    __slots__ = (
        "_arrived_us",
        "_began_us",
        "_behind",
        "_bytes",
        "_bytes_before",
        "_compared_us",
        "_delay_s",
        "_first_us",
        "_last_us",
        "_level",
        "_noise_s",
        "_offset",
        "_rated_us",
        "_seen_us",
        "_stamp",
    )

    def __init__(self) -> None:
        self._stamp = -1
        self._offset = 0  # of sending, in ticks since the first packet
        self._arrived_us = 0
        self._began_us = self._first_us = self._last_us = self._behind = 0  # the clump: arrival, sending, bytes
        self._seen_us = -SEEN_US
        self._rated_us = self._bytes = self._bytes_before = 0
        self._level = DelayLevel()
        self._noise_s = FIRST_NOISE_S
        self._delay_s = 0.0
        self._compared_us = 0

    def smooth(self, stamp: int, arrival_us: int, size: int) -> int:
        """The time to report for a packet that left at ``stamp`` by the sender's clock."""
        sent_us = self._unwrap(stamp)
        delay_s = (arrival_us - sent_us) / 1_000_000
        if abs(delay_s - self._delay_s) > RESET_S:
            self._level, self._delay_s = DelayLevel(), delay_s
        self._count(arrival_us, size)
        self._gather(sent_us, arrival_us, size)
        self._compare(sent_us, delay_s)
        self._level.add(delay_s, arrival_us / 1_000_000)
        if not self.is_radio:
            return arrival_us
        level = self._level
        told_s = level.least_s if level.is_raised(PATIENCE * self._noise_s) else level.usual_s
        smoothed_us = sent_us + int(1_000_000 * told_s)
        return smoothed_us if abs(smoothed_us - arrival_us) <= MAX_MOVE_US else arrival_us

    @property
    def is_radio(self) -> bool:
        """Whether the path holds packets back without being narrow."""
        return self._arrived_us - self._seen_us < SEEN_US

    def _unwrap(self, stamp: int) -> int:
        if self._stamp >= 0:
            step = (stamp - self._stamp) % WRAP
            self._offset += step if step < WRAP // 2 else step - WRAP
        self._stamp = stamp
        return self._offset * 1_000_000 // TICKS_PER_S

    def _count(self, arrival_us: int, size: int) -> None:
        if arrival_us - self._rated_us >= RATE_US:
            self._rated_us, self._bytes_before, self._bytes = arrival_us, self._bytes, 0
        self._bytes += size

    def _gather(self, sent_us: int, arrival_us: int, size: int) -> None:
        is_apart = arrival_us - self._arrived_us > GAP_US
        self._arrived_us = arrival_us
        if is_apart:
            self._began_us, self._first_us, self._last_us, self._behind = arrival_us, sent_us, sent_us, 0
            return
        self._first_us, self._last_us = min(self._first_us, sent_us), max(self._last_us, sent_us)
        self._behind += size
        span_us = max(arrival_us - self._began_us, GAP_US)
        is_long = self._last_us - self._first_us >= max(LONG_US, 2 * span_us)
        if is_long and self._behind * RATE_US > FASTER * max(self._bytes, self._bytes_before) * span_us:
            self._seen_us = arrival_us

    def _compare(self, sent_us: int, delay_s: float) -> None:
        if abs(sent_us - self._compared_us) >= STEP_US:
            self._noise_s += NOISE_GAIN * (abs(delay_s - self._delay_s) - self._noise_s)
            self._compared_us, self._delay_s = sent_us, delay_s
