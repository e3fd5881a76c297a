"""Looking for more room: when to send padding beside the media, how fast, and what its arrival says. Pure.

The media alone can never prove more than what it sends (estimator.py's headroom); a path that was found narrow would
stay so for ever. A probe lasts 100 ms, longer where delays vary: enough for a wireless link's bursts, not too much
for its queue.
"""

from __future__ import annotations

from array import array

from media.bwe.feedback import Feedback
from media.bwe.send_history import MASK, SendHistory

PROBE_S, MAX_PROBE_S = 0.1, 0.4
PROBE_PER_NOISE = 4.0
MIN_PROBE_BPS = 100_000.0  # with less there are not enough packets to judge by
STEP_UP, FIRST_STEP_UP = 2.0, 3.0
CALM_S = 1.0  # after trouble
MIN_PAUSE_S, MAX_PAUSE_S = 1.5, 5.0  # after a probe that did not get through; doubles up to the latter
PATIENCE_S = 1.0  # for the feedback of a probe, beside the round trip
MIN_PACKETS, GOOD_PACKETS = 5, 12
MIN_PADDING_BYTES, MAX_PADDING_BYTES = 40, 290  # of a packet, all in all; RTP pads with 255 bytes at most
PASSED = 0.9  # arriving at less than this of the rate of sending, it met a bottleneck
KEPT = 0.95  # of the rate at which it then came through


class Probe:
    """One probe under way: what left between its beginning and its end, and when it arrived."""

    __slots__ = ("_arrivals_us", "_sent_us", "_sizes", "from_us", "is_over", "rate_bps", "until_us")

    def __init__(self, rate_bps: float, now_us: int, length_s: float = PROBE_S) -> None:
        self.rate_bps = rate_bps
        self.from_us = now_us
        self.until_us = now_us + int(length_s * 1_000_000)
        self.is_over = False  # something that left behind it has arrived
        self._sent_us, self._arrivals_us, self._sizes = array("q"), array("q"), array("H")

    @property
    def packet_bytes(self) -> int:
        """How big the packets of padding should be, so that there are enough to judge by."""
        wished = int(self.rate_bps * PROBE_S / 8 / GOOD_PACKETS)
        return min(max(wished, MIN_PADDING_BYTES), MAX_PADDING_BYTES)

    def take(self, feedback: Feedback, history: SendHistory) -> None:
        times, sizes = history.times_us, history.sizes
        for number, arrival in zip(feedback.numbers, feedback.arrivals_us, strict=True):
            index = number & MASK
            sent = times[index]
            if self.from_us <= sent <= self.until_us:
                self._sent_us.append(sent)
                self._arrivals_us.append(arrival)
                self._sizes.append(sizes[index])
            elif sent > self.until_us:
                self.is_over = True

    def result(self) -> tuple[float, bool] | None:
        """What got through in bits per second, and whether that was all of it; None when too little is known."""
        if len(self._sizes) < MIN_PACKETS:
            return None
        sent_bps = _rate_bps(self._sent_us, self._sizes)
        arrived_bps = _rate_bps(self._arrivals_us, self._sizes)
        if not sent_bps:
            return None
        if not arrived_bps or arrived_bps >= PASSED * sent_bps:  # they may even come in one piece
            return sent_bps, True
        return KEPT * arrived_bps, False


class Prober:
    """One viewer's probes: at most one at a time, and seldom while they fail."""

    __slots__ = ("_has_begun", "_next_at", "_pause_s", "probe")

    def __init__(self) -> None:
        self.probe: Probe | None = None
        self._next_at = float("-inf")
        self._pause_s = MIN_PAUSE_S
        self._has_begun = False

    def begin(self, now: float, bps: float, wanted_bps: float, congested_at: float, noise_s: float) -> Probe | None:
        """A probe that is to be sent from now on, when it is time and there is something to gain."""
        if self.probe is not None or bps >= wanted_bps or now < self._next_at or now - congested_at < CALM_S:
            return None
        step = STEP_UP if self._has_begun else FIRST_STEP_UP
        self._has_begun = True
        length_s = min(PROBE_S + PROBE_PER_NOISE * noise_s, MAX_PROBE_S)
        rate_bps = max(min(step * bps, max(wanted_bps, 1.2 * bps)), MIN_PROBE_BPS)
        self.probe = Probe(rate_bps, int(now * 1_000_000), length_s)
        return self.probe

    def take(self, feedback: Feedback, history: SendHistory, now: float) -> float | None:
        """What a probe has shown, once its feedback is there."""
        probe = self.probe
        if probe is None:
            return None
        probe.take(feedback, history)
        return self._end(probe, now) if probe.is_over else None

    def tick(self, now: float, rtt_s: float) -> float | None:
        """What a probe has shown behind which nothing was sent, or that nothing was heard of."""
        probe = self.probe
        if probe is not None and now * 1_000_000 > probe.until_us + (rtt_s + PATIENCE_S) * 1_000_000:
            return self._end(probe, now)
        return None

    def _end(self, probe: Probe, now: float) -> float | None:
        self.probe = None
        found = probe.result()
        if found is not None and found[1]:
            self._pause_s = MIN_PAUSE_S
            self._next_at = now
            return found[0]
        self._next_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
        return found[0] if found is not None else None


def _rate_bps(times_us: array[int], sizes: array[int]) -> float:
    """The slope of all bytes over time, by least squares of time over bytes: jitter hits single packets, not it."""
    count = len(sizes)
    done = 0
    points: list[int] = []
    for size in sizes:
        points.append(done)
        done += size
    mean_bytes, mean_us = sum(points) / count, sum(times_us) / count
    spread = sum((x - mean_bytes) ** 2 for x in points)
    shared = sum((x - mean_bytes) * (y - mean_us) for x, y in zip(points, times_us, strict=True))
    return 8_000_000 * spread / shared if shared > 0 else 0.0
