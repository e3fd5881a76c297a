"""When a datagram arrived, by the kernel's time stamp, on the clock by which the publishers stamp what they send."""

from __future__ import annotations

import struct
import time

_TIMESPEC = struct.Struct("=qq").unpack_from
_ahead_ns = 0


def set_clocks() -> None:
    """Notes how far CLOCK_REALTIME, which the kernel stamps with, is ahead of CLOCK_MONOTONIC. Call it now and then."""
    global _ahead_ns
    _ahead_ns = time.time_ns() - time.monotonic_ns()


def arrived_ns(timespec: bytes) -> int:
    """CLOCK_MONOTONIC of a datagram's arrival."""
    seconds, nanoseconds = _TIMESPEC(timespec)
    return int(seconds) * 1_000_000_000 + int(nanoseconds) - _ahead_ns


set_clocks()
