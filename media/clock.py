"""The two clocks of the worker, so that tests can bring their own. Nothing else in media reads the time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time decides durations; UTC only stamps what leaves the process."""

    def monotonic(self) -> float: ...

    def utc_us(self) -> int: ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        # An instance attribute spares the per-packet path one method call.
        self.monotonic = time.monotonic

    def utc_us(self) -> int:
        return time.time_ns() // 1000


NTP_EPOCH_OFFSET_S = 2_208_988_800  # seconds from 1900 to 1970, RFC 5905


def ntp_from_utc_us(utc_us: int) -> int:
    """64-bit NTP time stamp (RFC 3550 §4)."""
    return ((utc_us + NTP_EPOCH_OFFSET_S * 1_000_000) << 32) // 1_000_000
