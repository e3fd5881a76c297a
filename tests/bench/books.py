"""What was sent and what arrived, window by window, and the processors' clocks at its edges."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench import machine
from tests.bench.load import Load
from tests.bench.participant import Participant
from tests.bench.plan import Plan
from tests.bench.traffic import feed_of

SEGMENT_S = 30.0  # far below the 2^16 packets after which a table's places are used again
LATE_S = 2.5  # after so long a packet of a closed segment no longer counts


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one edge of the window."""

    at_ns: int
    server: machine.ProcessCpu
    own_cpu_s: float
    parent_cpu_s: float
    machine: machine.MachineCpu
    published: dict[int, int]  # feed → packets so far
    feedback: int

    @property
    def at_s(self) -> float:
        return self.at_ns / 1e9


def read(plan: Plan, load: Load) -> Reading:
    return Reading(
        at_ns=time.monotonic_ns(),
        server=machine.processes_cpu(plan.server_pids),
        own_cpu_s=time.process_time(),
        parent_cpu_s=machine.process_cpu(plan.parent_pid).total_s,
        machine=machine.machine_cpu(),
        published=published(load),
        feedback=sum(participant.subscriber.feedback_sent for participant in load.participants),
    )


def published(load: Load) -> dict[int, int]:
    """Packets so far, by feed."""
    return {
        feed_of(publisher.index, lane): stream.count
        for publisher in load.publishers
        for lane, stream in publisher.streams.items()
    }


class Books:
    """Counts for those who were there when the window opened. Long windows are counted in segments."""

    def __init__(self, viewers: Sequence[Participant], opened: Reading) -> None:
        self._viewers = list(viewers)
        self._from = opened.published
        self._arrived = [0] * len(self._viewers)
        self._expected = [0] * len(self._viewers)
        self._closing: tuple[dict[int, int], dict[int, int]] | None = None
        for viewer in self._viewers:  # what came before is forgotten
            for feed in viewer.subscriber.expected:
                viewer.subscriber.take(feed, 0, self._from.get(feed, 0))

    def close_segment(self, counts: dict[int, int]) -> None:
        """Everything that was sent until now is due; ``settle`` counts it when it had time to arrive."""
        self._closing = (self._from, counts)
        self._from = counts
        for viewer in self._viewers:
            viewer.subscriber.doubt()

    def settle(self) -> None:
        if self._closing is None:
            return
        before, after = self._closing
        self._closing = None
        for at, viewer in enumerate(self._viewers):
            for feed in viewer.subscriber.expected:
                first, end = before.get(feed, 0), after.get(feed, 0)
                self._expected[at] += end - first
                self._arrived[at] += viewer.subscriber.take(feed, first, end)

    def outstanding(self, counts: dict[int, int]) -> int:
        """How many packets of the open segment, up to ``counts``, have not arrived."""
        missing = 0
        for viewer in self._viewers:
            for feed in viewer.subscriber.expected:
                first, end = self._from.get(feed, 0), counts.get(feed, 0)
                missing += end - first - viewer.subscriber.arrived(feed, first, end)
        return missing

    def totals(self) -> tuple[int, int, float]:
        """Expected, arrived, and the smallest share that arrived at anybody."""
        shares = [
            arrived / expected for arrived, expected in zip(self._arrived, self._expected, strict=True) if expected
        ]
        return sum(self._expected), sum(self._arrived), min(shares, default=0.0)
