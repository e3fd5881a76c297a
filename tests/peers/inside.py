"""The part that runs inside the network namespace: both servers in turn on the same load, and their comparison."""

from __future__ import annotations

import asyncio
import datetime
import json
import shlex
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from tests.bench import machine
from tests.bench.generator import JOINS_PER_S
from tests.bench.plan import Plan
from tests.bench.report import Measurement, summarize
from tests.bench.run import BenchError, WorkerOptions, measure, worker_backend
from tests.bench.scenario import lesson
from tests.peers.janus import JanusOptions, janus_backend

QUIET_SHARE = 0.1
OURS, JANUS = "huitang", "janus"
HEADINGS = (
    "server",
    "runs",
    "packets/s",
    "delivered",
    "CPU-s per million",
    "of one core",
    "latency p50 / p99",
    "feedback/s",
    "SRTP",
)


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says; crosses into the namespace as one JSON argument."""

    subscribers: int
    seconds: float
    warmup: float
    pairs: int
    event_loops: int
    wait_for_quiet: float
    worker_command: str


def compare(ours: list[Measurement], theirs: list[Measurement]) -> dict[str, Any]:
    """The report: both summaries and the ratio of what a forwarded packet cost, pair by pair."""
    ratios = [
        mine.server_cpu_s_per_million / other.server_cpu_s_per_million for mine, other in zip(ours, theirs, strict=True)
    ]
    return {
        "taken": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "ratio_to_janus": round(statistics.median(ratios), 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
        "noisy": any(run.noisy for run in (*ours, *theirs)),
        OURS: summarize(ours),
        JANUS: summarize(theirs),
        "machine": machine.describe(),
    }


def table(report: dict[str, Any]) -> str:
    """Both servers, one row each."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS)]
    for name in (OURS, JANUS):
        summary = report[name]
        rows.append(
            (
                name,
                str(summary["runs"]),
                f"{summary['forwarded_per_s']:,.0f}",
                f"{int(summary['delivered_fraction'] * 1e6) / 1e4:g} %",
                f"{summary['server_cpu_s_per_million']:.2f}",
                f"{summary['server_cpu_share'] * 100:.0f} %",
                f"{summary['latency_p50_ms']:.1f} / {summary['latency_p99_ms']:.1f} ms",
                f"{summary['feedback_per_s']:,.0f}",
                summary["srtp_profile"].removeprefix("SRTP_"),
            )
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


async def _measure(name: str, given: Given, plan: Plan, core: int | None, address: str) -> Measurement:
    if name == OURS:
        worker = WorkerOptions(tuple(shlex.split(given.worker_command)), core, address)
        return await measure(plan, worker_backend(plan, worker), core)
    return await measure(plan, janus_backend(plan, JanusOptions(core, address, given.event_loops)), core)


def run(given: Given, address: str) -> int:
    """Ours, Janus, ours, Janus …; returns the exit status."""
    core, load_core = machine.choose_cores()
    scenario = lesson(given.subscribers)
    plan = Plan(
        scenario=scenario,
        already=scenario.subscribers,
        joins_per_s=JOINS_PER_S,
        warmup_s=given.warmup,
        window_s=given.seconds,
        sample_every=16,
        gro=True,
        loss=0.0,
        core=load_core,
    )
    results: dict[str, list[Measurement]] = {OURS: [], JANUS: []}
    for number in range(2 * given.pairs):
        name = (OURS, JANUS)[number % 2]
        if given.wait_for_quiet and not machine.wait_until_quiet(QUIET_SHARE, given.wait_for_quiet):
            print("peers: the machine did not become quiet; measuring all the same", file=sys.stderr, flush=True)
        try:
            measurement = asyncio.run(_measure(name, given, plan, core, address))
        except BenchError as error:
            print(f"peers: could not measure {name}: {error}", file=sys.stderr)
            return 1
        results[name].append(measurement)
        print(
            f"peers: {name}: {measurement.server_cpu_s_per_million:.2f} CPU-s per million, "
            f"{measurement.delivered_fraction:.6f} delivered, p99 {measurement.latency_p99_ms:.1f} ms, "
            f"{measurement.srtp_profile}{', NOISY' if measurement.noisy else ''}",
            file=sys.stderr,
            flush=True,
        )
    report = compare(results[OURS], results[JANUS])
    print(table(report))
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(run(Given(**json.loads(sys.argv[1])), sys.argv[2]))
