"""``python -m tests.bench``: measures the forwarding plane and prints one JSON object as the last line."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import shlex
import sys

from tests.bench import machine
from tests.bench.report import Measurement, summarize
from tests.bench.run import BenchError, Options, measure

# Packets are counted in a table of 2^16 numbers; at about 175 video packets a second that is six minutes.
MAX_SECONDS = 240.0
QUIET_SHARE = 0.1  # of one core


def _parse(arguments: list[str] | None) -> tuple[Options, int, float]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the measured window")
    parser.add_argument("--warmup", type=float, default=2.0, help="seconds between the last join and the window")
    parser.add_argument("--runs", type=int, default=1, help="the figures are medians over the runs")
    parser.add_argument("--bitrate-kbps", type=int, default=1500)
    parser.add_argument("--sample-every", type=int, default=16, help="one subscriber in this many decrypts everything")
    parser.add_argument("--video-slots", type=int, default=4)
    parser.add_argument("--loss-percent", type=float, default=0.0, help="share of packets that subscribers throw away")
    parser.add_argument("--no-gro", action="store_true", help="subscribers take one packet per read")
    parser.add_argument("--wait-for-quiet", type=float, default=0.0, help="seconds to wait for an idle machine per run")
    parser.add_argument("--worker-command", default=f"{shlex.quote(sys.executable)} -m media")
    given = parser.parse_args(arguments)
    if given.subscribers < 1 or given.runs < 1 or not 0 < given.seconds + given.warmup <= MAX_SECONDS:
        parser.error(f"at least 1 subscriber, 1 run, and at most {MAX_SECONDS:.0f} s in all")
    worker_core, load_core = machine.choose_cores()
    options = Options(
        subscribers=given.subscribers,
        warmup_s=given.warmup,
        window_s=given.seconds,
        bitrate_bps=given.bitrate_kbps * 1000,
        sample_every=given.sample_every,
        video_slots=given.video_slots,
        gro=not given.no_gro,
        loss=given.loss_percent / 100,
        worker_command=tuple(shlex.split(given.worker_command)),
        worker_core=worker_core,
        load_core=load_core,
    )
    return options, given.runs, given.wait_for_quiet


def _progress(number: int, runs: int, result: Measurement) -> None:
    print(
        f"bench: run {number}/{runs}: {result.forwarded_per_s:.0f} packets/s, "
        f"{result.delivered_fraction:.6f} delivered, {result.server_cpu_s_per_million:.2f} CPU-s per million, "
        f"p99 {result.latency_p99_ms:.1f} ms{', NOISY' if result.noisy else ''}",
        file=sys.stderr,
        flush=True,
    )


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 if it was measured, however the figures are."""
    options, runs, quiet_wait_s = _parse(arguments)
    described = machine.describe()
    results: list[Measurement] = []
    for number in range(1, runs + 1):
        if quiet_wait_s and not machine.wait_until_quiet(QUIET_SHARE, quiet_wait_s):
            print("bench: the machine did not become quiet; measuring all the same", file=sys.stderr, flush=True)
        try:
            results.append(asyncio.run(measure(options)))
        except BenchError as error:
            print(f"bench: could not measure: {error}", file=sys.stderr)
            return 1
        _progress(number, runs, results[-1])
    report = {
        "taken": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "bitrate_kbps": options.bitrate_bps // 1000,
        "gro": options.gro,
        "loss_percent": options.loss * 100,
        **summarize(results),
        "machine": described,
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
