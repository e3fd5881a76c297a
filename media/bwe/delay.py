"""Whether a path's queue grows: the trend of the one-way delay (draft-ietf-rmcat-gcc-02 §5.2 to 5.4).

Packets that leave within 5 ms are a group; the delay variations between groups are summed, smoothed and fitted with
a line over the last 20 groups. Its slope is compared to a threshold that adapts to the jitter of the path.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

GROUP_US = 5_000
BURST_US = 5_000
MAX_BURST_US = 100_000
GAP_US = 500_000  # of sending or arriving: what is behind says nothing about now
WINDOW = 20
SMOOTHING = 0.9
GAIN = 4.0
MAX_DELTAS = 60
THRESHOLD, MIN_THRESHOLD, MAX_THRESHOLD = 12.5, 6.0, 600.0
RISE, FALL = 0.0087, 0.039  # the threshold's gains up and down, as libwebrtc has them
MAX_ADAPT_OFFSET = 15.0
OVERUSE_TIME_MS = 10.0
NOISE_GAIN = 0.02
NOISE_TIME = 2.0  # the more the delay varies, the longer it must grow before that is a queue


class Usage(Enum):
    NORMAL = 0
    OVER = 1
    UNDER = 2


class DelayTrend:
    """Fed with packets in the order of sending; ``assess`` once per feedback."""

    __slots__ = (
        "_arrival",
        "_arrival_before",
        "_assessed_us",
        "_deltas",
        "_first",
        "_first_arrival",
        "_last",
        "_noise_ms",
        "_origin",
        "_over_count",
        "_over_ms",
        "_points",
        "_previous",
        "_sent_before",
        "_smoothed",
        "_sum",
        "_threshold",
        "_was_closed",
    )

    def __init__(self) -> None:
        self._threshold = THRESHOLD
        self._noise_ms = 0.0
        self.reset()

    @property
    def noise_s(self) -> float:
        """How much the delay varies between groups."""
        return self._noise_ms / 1000

    def reset(self) -> None:
        """Forgets the groups, not what was learnt of the path's jitter."""
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._first = self._last = self._arrival = self._first_arrival = 0  # the group that is being filled
        self._sent_before = self._arrival_before = 0  # the one before it
        self._origin = 0
        self._sum = self._smoothed = self._previous = 0.0
        self._deltas = 0
        self._over_ms = -1.0
        self._over_count = 0
        self._assessed_us = 0
        self._was_closed = False

    def add(self, sent_us: int, arrival_us: int) -> None:
        """One packet that arrived."""
        if not self._first:
            self._begin(sent_us, arrival_us)
            return
        if sent_us < self._first:
            return  # out of order
        if sent_us - self._last > GAP_US or abs(arrival_us - self._arrival) > 4 * GAP_US:
            self.reset()
            self._begin(sent_us, arrival_us)
            return
        if sent_us - self._first > GROUP_US and not self._is_burst(sent_us, arrival_us):
            self._close()
            self._begin(sent_us, arrival_us)
            return
        if sent_us > self._last:
            self._last = sent_us
        if arrival_us > self._arrival:
            self._arrival = arrival_us

    def assess(self, now_us: int) -> Usage:
        """The state after all packets of a feedback message."""
        if len(self._points) < WINDOW or not self._was_closed:
            return Usage.NORMAL
        self._was_closed = False
        elapsed_ms = min((now_us - self._assessed_us) / 1000, 100.0) if self._assessed_us else 0.0
        self._assessed_us = now_us
        trend = min(self._deltas, MAX_DELTAS) * self._slope() * GAIN
        usage = self._compare(trend, elapsed_ms)
        self._previous = trend
        if abs(trend) <= self._threshold + MAX_ADAPT_OFFSET:
            gain = FALL if abs(trend) < self._threshold else RISE
            moved = self._threshold + gain * (abs(trend) - self._threshold) * elapsed_ms
            self._threshold = min(max(moved, MIN_THRESHOLD), MAX_THRESHOLD)
        return usage

    def _compare(self, trend: float, elapsed_ms: float) -> Usage:
        if trend > self._threshold:
            self._over_ms = elapsed_ms / 2 if self._over_ms < 0 else self._over_ms + elapsed_ms
            self._over_count += 1
            patience_ms = max(OVERUSE_TIME_MS, NOISE_TIME * self._noise_ms)
            if self._over_ms > patience_ms and self._over_count > 1 and trend >= self._previous:
                self._over_ms = 0.0
                self._over_count = 0
                return Usage.OVER
            return Usage.NORMAL
        self._over_ms = -1.0
        self._over_count = 0
        return Usage.UNDER if trend < -self._threshold else Usage.NORMAL

    def _begin(self, sent_us: int, arrival_us: int) -> None:
        self._first = self._last = sent_us
        self._first_arrival = self._arrival = arrival_us

    def _is_burst(self, sent_us: int, arrival_us: int) -> bool:
        """Packets that caught up with those before them in a queue say nothing new about it."""
        waited = (arrival_us - self._arrival) - (sent_us - self._last)
        is_close = arrival_us - self._arrival <= BURST_US and arrival_us - self._first_arrival < MAX_BURST_US
        return waited < 0 and is_close

    def _close(self) -> None:
        if self._sent_before:
            delta = (self._arrival - self._arrival_before) - (self._last - self._sent_before)
            self._deltas = min(self._deltas + 1, 1000)
            if not self._origin:
                self._origin = self._arrival
            self._was_closed = True
            self._noise_ms += NOISE_GAIN * (abs(delta) / 1000 - self._noise_ms)
            self._sum += delta / 1000
            self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * self._sum
            self._points.append(((self._arrival - self._origin) / 1000, self._smoothed))
        self._sent_before, self._arrival_before = self._last, self._arrival

    def _slope(self) -> float:
        """Least squares over the window, in ms of delay per ms of time."""
        points = self._points
        mean_x = sum(x for x, _ in points) / WINDOW
        mean_y = sum(y for _, y in points) / WINDOW
        over = sum((x - mean_x) * (y - mean_y) for x, y in points)
        under = sum((x - mean_x) ** 2 for x, _ in points)
        return over / under if under else 0.0
