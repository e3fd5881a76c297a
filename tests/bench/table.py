"""``python -m tests.bench.table < reports.jsonl``: the reports of several benches as a Markdown table."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

HEADINGS = (
    "subscribers",
    "load",
    "runs",
    "packets/s",
    "delivered",
    "CPU-s per million",
    "of the yardstick",
    "of one core",
    "latency p50 / p99",
    "memory",
    "per subscriber",
    "other work",
)


def _load(report: dict[str, Any]) -> str:
    parts = [report["scenario"], f"{report['bitrate_kbps'] / 1000:g} Mbit/s"]
    if report["loss_percent"]:
        parts.append(f"{report['loss_percent']:g} % lost, asked for again")
    if not report["gro"]:
        parts.append("one packet per read")
    return ", ".join(parts)


def row(report: dict[str, Any]) -> tuple[str, ...]:
    """One report as cells, in the order of ``HEADINGS``."""
    # Down, not to the nearest: "100 %" must mean that nothing was missing.
    delivered = int(report["delivered_fraction"] * 1e6) / 1e4
    return (
        str(report["subscribers"]),
        _load(report),
        str(report["runs"]),
        f"{report['forwarded_per_s']:,.0f}",
        f"{delivered:g} %",
        f"{report['server_cpu_s_per_million']:.2f}",
        f"{report['ratio_to_yardstick']:.2f}",
        f"{report['server_cpu_share'] * 100:.0f} %",
        f"{report['latency_p50_ms']:.1f} / {report['latency_p99_ms']:.1f} ms",
        f"{report['rss_mib']:.0f} MiB",
        f"{report['kib_per_subscriber']:.0f} KiB",
        f"{report['other_cpu_share'] * 100:.0f} %{' (noisy)' if report['noisy'] else ''}",
    )


def table(reports: Iterable[dict[str, Any]]) -> str:
    """All reports, one row each."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(row(report) for report in reports)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    print(table(json.loads(line) for line in sys.stdin if line.startswith("{")))
