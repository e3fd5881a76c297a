"""The part that runs inside the network namespace: both servers in turn on the same load, and their comparison."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from dataclasses import dataclass

from tests.bench import machine
from tests.bench.generator import JOINS_PER_S
from tests.bench.plan import Plan
from tests.bench.report import Measurement
from tests.bench.run import BenchError, WorkerOptions, measure, worker_backend
from tests.bench.scenario import lesson
from tests.peers.comparison import JANUS, OURS, compare, table
from tests.peers.janus import JanusOptions, janus_backend

QUIET_SHARE = 0.1


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
    report = compare(results[OURS], results[JANUS], given.event_loops)
    print(table(report))
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(run(Given(**json.loads(sys.argv[1])), sys.argv[2]))
