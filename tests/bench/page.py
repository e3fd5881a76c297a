"""``python -m tests.bench.page``: runs the standard set and writes its tables into docs/performance.md.

A table stands between ``<!-- bench NAME -->`` and ``<!-- end -->`` and is replaced as a whole; what is written around
them is left alone. Only a section of which every run was measured is replaced.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.run import PROJECT
from tests.bench.table import FORWARDING, JOINING, MEMORY, Column, Report, markdown, row
from tests.peers import comparison

PAGE = PROJECT / "docs" / "performance.md"
BENCH, PEERS = "tests.bench", "tests.peers"


@dataclass(frozen=True, slots=True)
class Section:
    """One table: a row for each command line."""

    name: str
    columns: tuple[Column, ...]
    module: str
    commands: tuple[str, ...]


def sections(runs: int, minutes: float) -> tuple[Section, ...]:
    """The standard set, each with so many runs; ``minutes`` is the length of the run that looks at memory."""
    lessons = (
        f"--subscribers 150 --runs {runs}",
        f"--subscribers 150 --runs {runs} --loss-percent 0.5",
        f"--subscribers 600 --runs {runs}",
        f"--subscribers 600 --runs {runs} --loss-percent 0.5",
        f"--subscribers 600 --runs {runs} --workers 2",
        f"--subscribers 1000 --runs {runs}",
        f"--scenario stirred --subscribers 150 --runs {runs}",
        f"--scenario stirred --subscribers 600 --runs {runs}",
    )
    meetings = (f"--scenario meeting9 --runs {runs}", f"--scenario meeting50 --runs {runs}")
    joins = ("--already 200 --subscribers 300 --joins-per-s 20",)
    memory = ("--subscribers 150 --leavers 1000", f"--subscribers 150 --minutes {minutes:g}")
    return (
        Section("lessons", FORWARDING, BENCH, lessons),
        Section("meetings", FORWARDING, BENCH, meetings),
        Section("joining", JOINING, BENCH, joins),
        Section("memory", MEMORY, BENCH, memory),
        Section("peers", comparison.COLUMNS, PEERS, (f"--pairs {runs}", f"--pairs {runs} --event-loops 1")),
    )


def replace_table(page: str, name: str, text: str) -> str:
    """The page with another table under this name. Raises ValueError if it has no such place."""
    pattern = rf"(<!-- bench {re.escape(name)} -->\n).*?(<!-- end -->)"
    changed, count = re.subn(pattern, lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"docs/performance.md has {count} places for the table {name!r}")
    return changed


def section_text(section: Section, reports: Sequence[Report], commit: str) -> str:
    """The table with the command of each row, and what it was measured on."""
    headings = [heading for heading, _cell in section.columns]
    rows = [
        [*row(report, section.columns), f"`{command}`"]
        for report, command in zip(reports, section.commands, strict=True)
    ]
    machine = reports[0]["machine"]
    return (
        f"{markdown([[*headings, 'command'], *rows])}\n\n"
        f"Commands are options of `python -m {section.module}`. Machine: {machine['cpu']}, {machine['cores']} virtual "
        f"cores, Linux {machine['kernel']}, Python {machine['python']}; at {commit}."
    )


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty=, changed since"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "an unknown commit"


def _run(section: Section, command: str, wait_s: float) -> Report | None:
    words = [sys.executable, "-m", section.module, *shlex.split(command), "--wait-for-quiet", f"{wait_s:g}"]
    print(f"page: {section.name}: {command}", file=sys.stderr, flush=True)
    done = subprocess.run(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return None
    report: Report = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def _measure(section: Section, wait_s: float, run: Callable[[Section, str, float], Report | None]) -> list[Report]:
    """All reports of a section, or none."""
    reports: list[Report] = []
    for command in section.commands:
        report = run(section, command, wait_s)
        if report is None:
            return []
        reports.append(report)
    return reports


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 if a section could not be measured; the others are written all the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("sections", nargs="*", help="names of tables; all of them if none is given")
    parser.add_argument("--runs", type=int, default=3, help="of each row; the figures are medians over them")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the run that looks at memory")
    parser.add_argument(
        "--wait-for-quiet", type=float, default=120.0, help="seconds to wait for an idle machine per run"
    )
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args(arguments)
    known = {section.name: section for section in sections(given.runs, given.minutes)}
    unknown = set(given.sections) - known.keys()
    if unknown:
        parser.error(f"no such table: {', '.join(sorted(unknown))} (there are {', '.join(known)})")
    status = 0
    for name in given.sections or known:
        reports = _measure(known[name], given.wait_for_quiet, _run)
        if not reports:
            print(f"page: {name} was not measured; its table stays as it is", file=sys.stderr)
            status = 1
            continue
        text = section_text(known[name], reports, _commit())
        given.page.write_text(replace_table(given.page.read_text(), name, text))
    return status


if __name__ == "__main__":
    sys.exit(main())
