"""The figures of a run and how several runs become one; pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

# More than this much of a core taken by other programs makes a run unfit to be quoted.
NOISY_SHARE = 0.4


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of an ordered sequence, 0 if it is empty."""
    if not ordered:
        return 0.0
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * share))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run. Shares are of one core; "server" is the media worker's process, or all of them."""

    scenario: str
    subscribers: int
    window_s: float
    published: int  # packets of all publishers in the window
    expected: int  # at all subscribers together
    forwarded: int  # of those, what arrived
    forwarded_per_s: float
    delivered_fraction: float
    delivered_fraction_worst: float  # the worst served subscriber
    duplicates: int
    renumbered: int  # times that a server's numbering jumped where packets were decrypted
    refused: int  # packets that failed SRTP where they were decrypted
    server_cpu_s: float
    server_system_cpu_s: float  # of server_cpu_s, what was spent in the kernel
    server_cpu_share: float
    server_cpu_s_per_million: float
    yardstick_us: float = 0.0  # one packet protected and sent by itself, on the same core before and after
    ratio_to_yardstick: float = 0.0
    latency_p50_ms: float
    latency_p99_ms: float
    latency_max_ms: float
    latency_samples: int
    rss_mib: float
    kib_per_subscriber: float
    joins: int  # of these are the next figures
    joins_failed: int
    join_p50_ms: float  # offer sent → first packet decrypted
    join_p95_ms: float
    join_max_ms: float
    picture_p95_ms: float  # offer sent → first packet of a picture, that is of a key frame
    lost_on_purpose: int  # with --loss-percent, since the subscribers joined, resent packets too
    nacks: int
    repaired_by_rtx: int
    padding: int
    feedback_per_s: float  # transport-cc feedback packets of all subscribers
    generator_socket_drops: int
    server_socket_drops: int
    generator_cpu_share: float
    other_cpu_share: float
    steal_share: float
    noisy: bool
    srtp_profile: str
    publisher: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)  # of runs with leavers, and of long ones


_MEDIANS = (
    "forwarded_per_s",
    "server_cpu_s",
    "server_system_cpu_s",
    "server_cpu_share",
    "server_cpu_s_per_million",
    "yardstick_us",
    "ratio_to_yardstick",
    "latency_p50_ms",
    "latency_p99_ms",
    "latency_max_ms",
    "rss_mib",
    "kib_per_subscriber",
    "join_p50_ms",
    "join_p95_ms",
    "picture_p95_ms",
    "feedback_per_s",
    "generator_cpu_share",
    "other_cpu_share",
)
_PER_RUN = ("server_cpu_s_per_million", "ratio_to_yardstick", "delivered_fraction", "latency_p99_ms", "other_cpu_share")
_WORST = {"delivered_fraction": min, "delivered_fraction_worst": min, "joins_failed": max, "join_max_ms": max}


def summarize(runs: Sequence[Measurement]) -> dict[str, Any]:
    """Medians over the runs; what was delivered is the worst of them, and one noisy run makes the whole noisy."""
    rows = [asdict(run) for run in runs]
    summary = dict(rows[-1])
    for name in _MEDIANS:
        summary[name] = round(statistics.median(row[name] for row in rows), 4)
    for name, worst in _WORST.items():
        summary[name] = worst(row[name] for row in rows)
    summary["noisy"] = any(row["noisy"] for row in rows)
    summary["runs"] = len(rows)
    summary["per_run"] = [{name: row[name] for name in _PER_RUN} for row in rows]
    return summary


def slope_per_hour(samples: Sequence[tuple[float, float]]) -> float:
    """The line of least squares through (seconds, amount): how much comes to it in an hour."""
    if len(samples) < 3:
        return 0.0
    times, amounts = zip(*samples, strict=True)
    return statistics.linear_regression(times, amounts).slope * 3600
