"""The running load: everybody's socket and the 5 ms clock by which all of them send.

Everything runs in one event loop. The sockets sit in one epoll set whose own descriptor is the only one that the loop
watches: a burst to 150 viewers costs one wake-up of the loop.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable

from tests.bench.arrival import set_clocks
from tests.bench.participant import Participant
from tests.bench.publisher import TICK_NS, Publisher
from tests.bench.subscriber import Subscriber

# Chromium 156: 17 feedback packets a second, a report a second, a check on the chosen pair every 2.5 s; what is missing
# is asked for every 20 ms.
FEEDBACK_TICKS, REPORT_TICKS, CHECK_TICKS, NACK_TICKS = 12, 200, 500, 4


class Load:
    """``add`` before a participant joins, ``begin`` when it is connected."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._publishers: list[Publisher] = []
        self._subscribers: list[Subscriber] = []
        self._participants: list[Participant] = []
        self._gaps: set[Subscriber] = set()
        self._started_ns = time.monotonic_ns()
        self._ticks = 0
        self._is_closed = False
        self._loop.add_reader(self._epoll.fileno(), self._on_readable)
        self._loop.call_soon(self._tick)

    @property
    def participants(self) -> list[Participant]:
        """Those who are connected."""
        return self._participants

    @property
    def publishers(self) -> list[Publisher]:
        return self._publishers

    def add(self, participant: Participant) -> None:
        descriptor = participant.peer.socket.fileno()
        participant.subscriber.gaps = self._gaps
        self._readers[descriptor] = participant.subscriber.read
        self._epoll.register(descriptor, select.EPOLLIN)

    def begin(self, participant: Participant) -> None:
        self._participants.append(participant)
        self._subscribers.append(participant.subscriber)
        if participant.publisher is not None:
            self._publishers.append(participant.publisher)

    def remove(self, participant: Participant) -> None:
        """Of one who only views, just before its socket is closed."""
        self._participants.remove(participant)
        self._subscribers.remove(participant.subscriber)
        self._gaps.discard(participant.subscriber)
        descriptor = participant.peer.socket.fileno()
        self._epoll.unregister(descriptor)
        del self._readers[descriptor]

    def close(self) -> None:
        self._is_closed = True
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _on_readable(self) -> None:
        readers = self._readers
        for descriptor, _events in self._epoll.poll(0, 1024):
            readers[descriptor]()

    def _tick(self) -> None:
        """Every 5 ms: what is published, and the feedback of those subscribers whose turn it is."""
        if self._is_closed:
            return
        set_clocks()
        now_ns = time.monotonic_ns()
        for publisher in self._publishers:
            publisher.send_due(now_ns)
        while self._ticks * TICK_NS <= now_ns - self._started_ns:
            self._send_back(self._ticks, now_ns)
            self._ticks += 1
        due_s = (self._started_ns + self._ticks * TICK_NS - time.monotonic_ns()) / 1e9
        self._loop.call_later(max(0.0, due_s), self._tick)

    def _send_back(self, tick: int, now_ns: int) -> None:
        subscribers = self._subscribers
        for subscriber in subscribers[tick % FEEDBACK_TICKS :: FEEDBACK_TICKS]:
            subscriber.send_feedback()
        for subscriber in subscribers[tick % REPORT_TICKS :: REPORT_TICKS]:
            subscriber.send_report()
        for subscriber in subscribers[tick % CHECK_TICKS :: CHECK_TICKS]:
            subscriber.peer.check()
        if tick % NACK_TICKS == 0 and self._gaps:
            for subscriber in list(self._gaps):
                if not subscriber.send_nacks(now_ns):
                    self._gaps.discard(subscriber)
