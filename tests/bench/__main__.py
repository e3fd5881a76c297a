"""``python -m tests.bench``: measures the forwarding plane and prints one JSON object as the last line."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.bench import machine
from tests.bench.generator import JOINS_PER_S
from tests.bench.plan import Plan
from tests.bench.report import Measurement, summarize
from tests.bench.run import BenchError, WorkerOptions, measure, worker_backend
from tests.bench.scenario import Scenario, lesson, meeting, stirred
from tests.bench.traffic import BURST_MS

QUIET_SHARE = 0.1  # of one core
SAMPLE_EVERY, MAX_SAMPLED = 16, 40  # decrypting is what costs the generator most
VISIBLE = 9  # pictures that a meeting of many shows at once
SCENARIOS: dict[str, Callable[[int, int], Scenario]] = {
    "lesson": lesson,
    "stirred": stirred,
    "meeting9": lambda _subscribers, bitrate_bps: meeting(9, 9, bitrate_bps),
    "meeting50": lambda _subscribers, bitrate_bps: meeting(50, VISIBLE, bitrate_bps),
}
BITRATES_KBPS = {"lesson": 1500, "stirred": 1500}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, default="lesson", help="who is in the room (README.md)")
    parser.add_argument("--subscribers", type=int, default=150, help="of a lesson, stirred or not")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the measured window")
    parser.add_argument("--minutes", type=float, help="the same in minutes; says how memory grows")
    parser.add_argument("--warmup", type=float, default=2.0, help="seconds between the last join and the window")
    parser.add_argument("--runs", type=int, default=1, help="the figures are medians over the runs")
    parser.add_argument("--bitrate-kbps", type=int, help="of a camera: 1500 in lessons, 500 in meetings")
    parser.add_argument(
        "--burst-ms", type=int, default=BURST_MS, help="what a camera's pacer sends at once; browsers: 40, least: 5"
    )
    parser.add_argument("--sample-every", type=int, help="one subscriber in this many decrypts everything")
    parser.add_argument("--loss-percent", type=float, default=0.0, help="share of packets that subscribers throw away")
    parser.add_argument(
        "--already", type=int, help="how many of a lesson are there; the joining of the others is timed"
    )
    parser.add_argument("--joins-per-s", type=float, default=20.0, help="how fast they join, with --already")
    parser.add_argument("--leavers", type=int, default=0, help="viewers who come and go first; says what they leave")
    parser.add_argument("--no-gro", action="store_true", help="subscribers take one packet per read")
    parser.add_argument("--wait-for-quiet", type=float, default=0.0, help="seconds to wait for an idle machine per run")
    parser.add_argument("--workers", type=int, default=1, help="that share the room, all on the same core")
    parser.add_argument("--worker-command", default=f"{shlex.quote(sys.executable)} -m media")
    return parser


def _plan(given: argparse.Namespace, core: int | None) -> Plan:
    bitrate_kbps = given.bitrate_kbps or BITRATES_KBPS.get(given.scenario, 500)
    people = given.subscribers if given.already is None else max(given.subscribers, given.already + 1)
    scenario = replace(SCENARIOS[given.scenario](people, bitrate_kbps * 1000), burst_ms=given.burst_ms)
    seconds = given.seconds if given.minutes is None else 60 * given.minutes
    already = scenario.subscribers
    if given.already is not None:
        already = given.already
        seconds = max(seconds, (scenario.subscribers - already) / given.joins_per_s)
    return Plan(
        scenario=scenario,
        already=already,
        joins_per_s=given.joins_per_s if given.already is not None else JOINS_PER_S,
        leavers=given.leavers,
        warmup_s=given.warmup,
        window_s=seconds,
        sample_every=given.sample_every or max(SAMPLE_EVERY, scenario.subscribers // MAX_SAMPLED),
        gro=not given.no_gro,
        loss=given.loss_percent / 100,
        core=core,
    )


def _progress(number: int, runs: int, result: Measurement) -> None:
    print(
        f"bench: run {number}/{runs}: {result.forwarded_per_s:.0f} packets/s, "
        f"{result.delivered_fraction:.6f} delivered, {result.server_cpu_s_per_million:.2f} CPU-s per million, "
        f"p99 {result.latency_p99_ms:.1f} ms{', NOISY' if result.noisy else ''}",
        file=sys.stderr,
        flush=True,
    )


def described(results: list[Measurement], plan: Plan, workers: int) -> dict[str, Any]:
    """The report of several equal runs."""
    return {
        "taken": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "bitrate_kbps": plan.scenario.bitrate_bps // 1000,
        "burst_ms": plan.scenario.burst_ms,
        "gro": plan.gro,
        "loss_percent": plan.loss * 100,
        "workers": workers,
        **summarize(results),
        "machine": machine.describe(),
    }


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 if it was measured, however the figures are."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if (
        min(given.subscribers, given.runs, given.workers) < 1
        or given.seconds <= 0
        or given.warmup < 0
        or given.joins_per_s <= 0
    ):
        parser.error("at least 1 subscriber, 1 run, 1 worker, and times above 0")
    worker_core, load_core = machine.choose_cores()
    plan = _plan(given, load_core)
    worker = WorkerOptions(tuple(shlex.split(given.worker_command)), worker_core, count=given.workers)
    results: list[Measurement] = []
    for number in range(1, given.runs + 1):
        if given.wait_for_quiet and not machine.wait_until_quiet(QUIET_SHARE, given.wait_for_quiet):
            print("bench: the machine did not become quiet; measuring all the same", file=sys.stderr, flush=True)
        try:
            results.append(asyncio.run(measure(plan, worker_backend(plan, worker), worker_core)))
        except BenchError as error:
            print(f"bench: could not measure: {error}", file=sys.stderr)
            return 1
        _progress(number, given.runs, results[-1])
    print(json.dumps(described(results, plan, given.workers)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
