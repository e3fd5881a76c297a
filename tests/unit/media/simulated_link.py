"""A path with a bottleneck, in simulated time: capacity, queue, delay, jitter and loss, all from one seed.

A sender with a number table on one side, a viewer on the other whose feedback is real bytes (transport_cc.py).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from media.bwe import feedback
from media.bwe.send_history import NumberedStream, SendHistory
from media.bwe.transport_cc import TransportCcFeedback

FEEDBACK_S = 0.055
STEP_S = 0.005


class Link:
    """First in, first out; what does not fit into the queue is lost."""

    def __init__(
        self,
        capacity_bps: float,
        *,
        delay_s: float = 0.03,
        jitter_s: float = 0.0,
        loss: float = 0.0,
        queue_s: float = 0.5,
        seed: int = 1,
    ) -> None:
        self.capacity_bps = capacity_bps
        self.delay_s = delay_s
        self.jitter_s = jitter_s
        self.loss = loss
        self.queue_s = queue_s
        self.sent = self.dropped = 0
        self.longest_wait_s = 0.0
        self._random = random.Random(seed)
        self._free_at = 0.0

    def wait_s(self, now: float) -> float:
        return max(0.0, self._free_at - now)

    def send(self, size: int, now: float) -> float | None:
        """When it arrives, if it does."""
        wait = self.wait_s(now)
        self.sent += 1
        if wait > self.queue_s or self._random.random() < self.loss:
            self.dropped += 1
            return None
        self.longest_wait_s = max(self.longest_wait_s, wait)
        self._free_at = max(now, self._free_at) + size * 8 / self.capacity_bps
        return self._free_at + self.delay_s + self._random.uniform(-self.jitter_s, self.jitter_s)


class Path:
    """The link there, the viewer, and a way back without trouble. ``listen`` gets each feedback message."""

    def __init__(self, link: Link, listen: Callable[[feedback.Feedback, float], None]) -> None:
        self.link = link
        self.history = SendHistory()
        self.now = 100.0
        self.arrived_bytes = 0
        self.listen = listen
        self._flying: list[tuple[float, int, int]] = []  # arrival, number, size
        self._coming: list[tuple[float, bytes]] = []
        self._viewer = TransportCcFeedback(1)
        self._feedback_at = self.now

    def send(self, size: int, stream: NumberedStream | None) -> None:
        """A packet with a number of its own; without a stream none."""
        arrival = self.link.send(size, self.now)
        if stream is not None:
            number = stream.note([size], int(self.now * 1_000_000))
            if arrival is not None:
                heapq.heappush(self._flying, (arrival, number, size))

    def advance(self, seconds: float) -> None:
        """Lets time pass; what is due arrives on either side."""
        self.now += seconds
        while self._flying and self._flying[0][0] <= self.now:
            arrival, number, size = heapq.heappop(self._flying)
            self._viewer.receive(number, int(arrival * 1_000_000))
            self.arrived_bytes += size
        if self.now >= self._feedback_at:
            self._feedback_at = self.now + FEEDBACK_S
            self._coming += [(self.now + self.link.delay_s, message) for message in self._viewer.build(1)]
        while self._coming and self._coming[0][0] <= self.now:
            _, message = self._coming.pop(0)
            self.listen(feedback.read(message, 4, len(message)), self.now)


class ElasticSource:
    """Sends as fast as it is told, in packets of at most 1,200 bytes paced every 5 ms."""

    def __init__(self, path: Path, rate_bps: Callable[[], float]) -> None:
        self._path = path
        self._rate_bps = rate_bps
        self.stream = path.history.open_stream()
        self._debt = 0.0

    def run(self, seconds: float) -> None:
        until = self._path.now + seconds
        while self._path.now < until:
            self._debt += self._rate_bps() * STEP_S / 8
            size = min(1200, max(200, int(self._rate_bps() * STEP_S / 8)))
            while self._debt >= size:
                self._path.send(size, self.stream)
                self._debt -= size
            self._path.advance(STEP_S)
