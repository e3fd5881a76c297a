"""New ids: UUIDv7 (RFC 9562 §5.7) as 32 hex digits: opaque, random, and in the order of their making."""

from __future__ import annotations

import secrets
import time


def new_id() -> str:
    """32 lower-case hex digits."""
    value = (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return f"{value | 0b10 << 62 | secrets.randbits(62):032x}"
