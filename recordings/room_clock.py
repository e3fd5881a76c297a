"""Room time in the recorder: the worker's clock as its frames show it, carried on between and behind them.

When the tap is lost the clock stands still for as long as the worker's ring holds what is missing: what comes after
the connection is back then falls into its place as if nothing had happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable

HOLD_S = 6.0  # the ring of the tap is 5 s


class RoomClock:
    """Read by the pipeline's thread, set by the event loop."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._offset_us = int((wall() - monotonic()) * 1_000_000)  # both machines' clocks are about right
        self._observed = False
        self._held_until_s = monotonic() + HOLD_S
        self._shown_us = 0
        self.blocked = False  # frames are here and cannot be written: they must still find their place

    def observe(self, arrival_us: int) -> None:
        """A frame came. Old ones out of a ring do not put the clock back."""
        offset_us = arrival_us - int(self._monotonic() * 1_000_000)
        if not self._observed or offset_us > self._offset_us:
            self._offset_us, self._observed = offset_us, True

    def connected(self) -> None:
        """Another worker may have another clock."""
        self._observed = False
        self._held_until_s = self._monotonic() + HOLD_S

    def settled(self) -> None:
        """What had been missing is here."""
        self._held_until_s = 0.0

    def lost(self) -> None:
        self._held_until_s = self._monotonic() + HOLD_S

    def now_us(self) -> int:
        """Never goes back."""
        self._shown_us = max(self._shown_us, int(self._monotonic() * 1_000_000) + self._offset_us)
        return self._shown_us

    def tick_us(self) -> int | None:
        """Room time up to which the program may be made without frames, None while the clock stands."""
        return None if self.blocked or self._monotonic() < self._held_until_s else self.now_us()
