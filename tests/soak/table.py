"""``python -m tests.soak.table < reports.jsonl``: the table of docs/performance.md. Pure but for its pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from tests.netsim.profiles import PROFILES

HEAD = (
    "| profile | shape | way | sound | frozen | longest stop | lines | besides | promise | taken (UTC), commit |",
    "|---|---|---|---|---|---|---|---|---|---|",
)
_WORDS = {
    "sound_percent": "sound ≥ {} %",
    "freeze_percent": "frozen ≤ {} %",
    "longest_gap_ms": "no stop > {} ms",
    "top_layer_s": "top layer ≤ {} s",
    "stepped_down_s": "down ≤ {} s",
    "stepped_up_s": "up ≤ {} s",
    "back_s": "back ≤ {} s",
    "sees_after_s": "in the lesson ≤ {} s",
}
_BESIDES = {
    "top_layer_s": "top layer after {} s",
    "stepped_down_s": "down after {} s",
    "stepped_up_s": "up after {} s",
    "back_s": "back after {} s",
    "p50_s": "p50 {} s",
    "max_s": "max {} s",
    "switches": "{} times",
    "sees_after_s": "sees after {} s",
    "hears_after_s": "hears after {} s",
}


def table(reports: Iterable[dict[str, Any]]) -> list[str]:
    """One row for each way of each profile."""
    rows = list(HEAD)
    for report in reports:
        if "profile" in report:
            rows += _rows(report)
    return rows


def _rows(report: dict[str, Any]) -> list[str]:
    figures, name = report["figures"], report["profile"]
    besides = ", ".join(words.format(_seconds(figures[key])) for key, words in _BESIDES.items() if key in figures)
    promise = ", ".join(words.format(report["target"][key]) for key, words in _WORDS.items() if key in report["target"])
    about = f"{promise} | {report['began']}, {report['commit']} |"
    if "failed" in figures:
        return [f"| {name} | {PROFILES[name].described} | – | – | – | – | – | failed: {figures['failed']} | {about}"]
    ways = [way for way in ("down", "up") if way in figures] or [""]
    return [
        f"| {name} | {PROFILES[name].described} | {_way(figures, way)} | {besides or '–'} | {about}" for way in ways
    ]


def _seconds(figure: float) -> str:
    """What is shorter than two samples is not seen at all."""
    return str(figure) if figure else "< 0.4"


def _way(figures: dict[str, Any], way: str) -> str:
    if not way:
        return "both | – | – | – | –"
    part = figures[way]
    lines = "/".join(str(height) for height in part["heights"]) or "none"
    return (
        f"{way} | {part['sound_percent']} % | {part['freeze_percent']} %, {part['freezes']} times |"
        f" {part['longest_gap_ms']} ms | {lines}"
    )


def main() -> None:
    print("\n".join(table(json.loads(line) for line in sys.stdin if line.startswith("{"))))


if __name__ == "__main__":
    main()
