"""What two servers cost on the same load, beside each other; pure."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Callable
from typing import Any

from tests.bench import machine
from tests.bench.report import Measurement, summarize
from tests.bench.table import TAKEN, Column, Report, delivered, markdown

OURS, JANUS = "huitang", "janus"


def compare(ours: list[Measurement], theirs: list[Measurement], event_loops: int) -> dict[str, Any]:
    """The report: both summaries and the ratio of what a forwarded packet cost, pair by pair."""
    ratios = [
        mine.server_cpu_s_per_million / other.server_cpu_s_per_million for mine, other in zip(ours, theirs, strict=True)
    ]
    return {
        "taken": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "ratio_to_janus": round(statistics.median(ratios), 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
        "janus_event_loops": event_loops,
        "noisy": any(run.noisy for run in (*ours, *theirs)),
        OURS: summarize(ours),
        JANUS: summarize(theirs),
        "machine": machine.describe(),
    }


def _cost(report: Report) -> str:
    return f"{report['server_cpu_s_per_million']:.2f}"


def _latency(report: Report) -> str:
    return f"{report['latency_p50_ms']:.1f} / {report['latency_p99_ms']:.1f} ms"


_OF_A_SERVER: tuple[Column, ...] = (
    ("runs", lambda report: str(report["runs"])),
    ("packets/s", lambda report: f"{report['forwarded_per_s']:,.0f}"),
    ("delivered", delivered),
    ("CPU-s per million", _cost),
    ("of one core", lambda report: f"{report['server_cpu_share'] * 100:.0f} %"),
    ("latency p50 / p99", _latency),
    ("feedback/s", lambda report: f"{report['feedback_per_s']:,.0f}"),
    ("SRTP", lambda report: report["srtp_profile"].removeprefix("SRTP_")),
)


def table(report: dict[str, Any]) -> str:
    """Both servers, one row each."""
    headings = ["server", *(heading for heading, _cell in _OF_A_SERVER)]
    rows = [[name, *(cell(report[name]) for _heading, cell in _OF_A_SERVER)] for name in (OURS, JANUS)]
    return markdown([headings, *rows])


def _both(cell: Callable[[Report], str]) -> Callable[[Report], str]:
    return lambda report: f"{cell(report[OURS])} ; {cell(report[JANUS])}"


COLUMNS: tuple[Column, ...] = (
    ("Janus' threads", lambda report: "one" if report["janus_event_loops"] == 1 else "one per connection"),
    ("pairs", lambda report: str(len(report["ratios"]))),
    ("CPU-s per million, ours ; Janus", _both(_cost)),
    ("ratio", lambda report: f"{report['ratio_to_janus']:.2f}{' (noisy)' if report['noisy'] else ''}"),
    ("delivered", _both(delivered)),
    ("latency p50 / p99", _both(_latency)),
    ("feedback/s", _both(lambda report: f"{report['feedback_per_s']:,.0f}")),
    TAKEN,
)
