"""Counters of this process by name. ``/metrics`` shows them; nothing else may depend on their values."""

from __future__ import annotations

import re
from collections import Counter

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_counts: Counter[str] = Counter()


def count(name: str, by: int = 1) -> None:
    """Names are lower_snake and few: never put an id or an address into one."""
    if not _NAME.match(name):
        raise ValueError(f"not a counter name: {name!r}")
    _counts[name] += by


def counters() -> dict[str, int]:
    """All counters so far."""
    return dict(_counts)


def prometheus_text() -> str:
    """Prometheus' text exposition format, version 0.0.4."""
    lines = []
    for name, value in sorted(_counts.items()):
        lines += [f"# TYPE huitang_{name}_total counter", f"huitang_{name}_total {value}"]
    return "\n".join(lines) + "\n"
