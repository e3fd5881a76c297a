"""``python -m tests.bench.table < reports.jsonl``: the reports of several benches as a Markdown table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Report = dict[str, Any]
Column = tuple[str, Callable[[Report], str]]


def _load(report: Report) -> str:
    parts = [report["scenario"], f"{report['bitrate_kbps'] / 1000:g} Mbit/s"]
    if report["loss_percent"]:
        parts.append(f"{report['loss_percent']:g} % lost, asked for again")
    if not report["gro"]:
        parts.append("one packet per read")
    if report["workers"] > 1:
        parts.append(f"{report['workers']} workers")
    return ", ".join(parts)


def delivered(report: Report) -> str:
    # Down, not to the nearest: "100 %" must mean that nothing was missing.
    return f"{int(report['delivered_fraction'] * 1e6) / 1e4:g} %"


def _other_work(report: Report) -> str:
    return f"{report['other_cpu_share'] * 100:.0f} %{' (noisy)' if report['noisy'] else ''}"


def _memory(name: str, unit: str) -> Callable[[Report], str]:
    def cell(report: Report) -> str:
        return f"{report['memory'][name]:.1f} {unit}" if name in report["memory"] else "–"

    return cell


LOAD: Column = ("load", _load)
SUBSCRIBERS: Column = ("subscribers", lambda report: str(report["subscribers"]))
RUNS: Column = ("runs", lambda report: str(report["runs"]))
DELIVERED: Column = ("delivered", delivered)
LATENCY: Column = (
    "latency p50 / p99",
    lambda report: f"{report['latency_p50_ms']:.1f} / {report['latency_p99_ms']:.1f} ms",
)
OTHER_WORK: Column = ("other work", _other_work)
TAKEN: Column = ("taken (UTC)", lambda report: report["taken"][:16].replace("T", " "))

FORWARDING: tuple[Column, ...] = (
    SUBSCRIBERS,
    LOAD,
    RUNS,
    ("packets/s", lambda report: f"{report['forwarded_per_s']:,.0f}"),
    DELIVERED,
    ("CPU-s per million", lambda report: f"{report['server_cpu_s_per_million']:.2f}"),
    ("of the yardstick", lambda report: f"{report['ratio_to_yardstick']:.2f}"),
    ("of one core", lambda report: f"{report['server_cpu_share'] * 100:.0f} %"),
    LATENCY,
    ("feedback/s", lambda report: f"{report['feedback_per_s']:,.0f}"),
    OTHER_WORK,
    TAKEN,
)
JOINING: tuple[Column, ...] = (
    ("in the room", lambda report: str(report["subscribers"] - report["joins"])),
    ("joined", lambda report: str(report["joins"])),
    ("failed", lambda report: str(report["joins_failed"])),
    (
        "first packet p50 / p95 / max",
        lambda report: f"{report['join_p50_ms']:.0f} / {report['join_p95_ms']:.0f} / {report['join_max_ms']:.0f} ms",
    ),
    ("first picture p95", lambda report: f"{report['picture_p95_ms']:.0f} ms"),
    ("delivered to the others", delivered),
    LATENCY,
    OTHER_WORK,
    TAKEN,
)
MEMORY: tuple[Column, ...] = (
    SUBSCRIBERS,
    ("in all", lambda report: f"{report['rss_mib']:.0f} MiB"),
    ("per subscriber", lambda report: f"{report['kib_per_subscriber']:.0f} KiB"),
    ("left by each who came and went", _memory("kib_left_by_each", "KiB")),
    ("minutes", lambda report: f"{report['window_s'] / 60:.1f}"),
    ("growth per hour", _memory("mib_per_hour", "MiB")),
    OTHER_WORK,
    TAKEN,
)


def row(report: Report, columns: Sequence[Column] = FORWARDING) -> tuple[str, ...]:
    """One report as cells."""
    return tuple(cell(report) for _heading, cell in columns)


def markdown(lines: Iterable[Sequence[str]]) -> str:
    """Rows of cells, the headings first."""
    headings, *rows = lines
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows))


def table(reports: Iterable[Report], columns: Sequence[Column] = FORWARDING) -> str:
    """All reports, one row each."""
    return markdown([[heading for heading, _cell in columns], *(row(report, columns) for report in reports)])


if __name__ == "__main__":
    print(table(json.loads(line) for line in sys.stdin if line.startswith("{")))
