"""How much arrives at a viewer, by his feedback. Pure."""

from __future__ import annotations

from collections import deque

WINDOW_US, LEAST_US = 500_000, 100_000
MAX_MESSAGES = 64  # in the window, whatever times they claim
GAP_US = 500_000  # after such a pause what came before it is another stream


class ArrivalRate:
    """Over the last half second of feedback messages."""

    __slots__ = ("_bytes", "_messages", "bps", "newest_us")

    def __init__(self) -> None:
        self._messages: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self.newest_us = 0  # by the viewer's clock
        self.bps = 0.0  # 0 until enough has come

    def begin(self) -> None:
        """After a rest; the viewer's clock has gone on."""
        self._messages.clear()
        self._bytes = 0
        self.bps = 0.0

    def note(self, at_us: int, size: int) -> None:
        """One message: when the newest of its packets came, and how many bytes all of them have."""
        if at_us - self.newest_us > GAP_US:
            self._messages.clear()
            self._bytes = 0
        self.newest_us = at_us
        self._messages.append((at_us, size))
        self._bytes += size

    def measure(self) -> None:
        messages = self._messages
        while len(messages) > 2 and (messages[-1][0] - messages[0][0] > WINDOW_US or len(messages) > MAX_MESSAGES):
            self._bytes -= messages.popleft()[1]
        if messages:
            span_us = messages[-1][0] - messages[0][0]
            if span_us >= LEAST_US:  # the first message's packets came before the span begins
                self.bps = (self._bytes - messages[0][1]) * 8_000_000 / span_us
