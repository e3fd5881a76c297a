"""Token buckets per key, bounded in memory. Pure: the caller brings the time."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

MAX_KEYS = 20_000


class RateLimit:
    """``per_s`` on average, ``burst`` at once. The keys that were quiet longest are forgotten first."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_ms = per_s / 1000
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, key: str, now_ms: int) -> bool:
        tokens, then_ms = self._buckets.pop(key, (self._burst, now_ms))
        tokens = min(self._burst, tokens + max(0, now_ms - then_ms) * self._per_ms)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now_ms)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        return allowed


def subscriber(address: str) -> str:
    """Whom an address stands for: over IPv6 everybody has at least a /64 to choose from (RFC 6177)."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if given.version == 4 or given.ipv4_mapped:
        return str(getattr(given, "ipv4_mapped", None) or given)
    return str(ipaddress.ip_network(f"{given}/64", strict=False))
