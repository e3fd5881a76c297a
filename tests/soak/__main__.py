"""``python -m tests.soak``: a lesson through the weak networks at full length; one JSON object a line, targets beside.

Ends with 1 when a promise was not kept. ``| python -m tests.soak.table`` makes the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from playwright.async_api import async_playwright

from tests.bench.machine import describe
from tests.e2e import weak_runs
from tests.e2e.actors import launch
from tests.e2e.conftest import TONES_HZ
from tests.e2e.weak_media import make_cameras
from tests.e2e.weak_runs import Figures
from tests.e2e.weak_stage import WeakStage, weak_stage
from tests.e2e.weak_targets import FULL, misses
from tests.netsim.profiles import PROFILES
from tests.soak.growth import Growth

ROOT = Path(__file__).resolve().parents[2]
NEVER = float("inf")
CHANGE_S = 5.0  # in which a narrow network has to be answered


async def run_profile(stage: WeakStage, name: str, seconds: float) -> Figures:
    """One profile in full, from its first moment on."""
    if name == "good":
        began = await weak_runs.joining(stage)
        return began | await weak_runs.steady(stage, name, seconds)
    if name == "edge":
        return await weak_runs.edge(stage, seconds - CHANGE_S, CHANGE_S)
    if name == "tunnel":
        return await weak_runs.tunnel(stage)
    if name == "switch":
        return await weak_runs.switch(stage)
    if name == "udp-blocked":
        return await _blocked(stage)
    return await weak_runs.steady(stage, name, seconds)


async def run_switches(stage: WeakStage, count: int) -> Figures:
    """Many changes of address; how long media was away."""
    found = [await weak_runs.switch(stage) for _ in range(count)]
    seconds = sorted(figures["back_s"] for figures in found)
    return {
        "switches": count,
        "back_s": percentile(seconds, 0.95),
        "p50_s": percentile(seconds, 0.5),
        "max_s": seconds[-1],
        "seat_kept": all(figures["seat_kept"] for figures in found),
    }


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that this share of them does not exceed."""
    return ordered[max(0, min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1))]


async def _blocked(stage: WeakStage) -> Figures:
    async with async_playwright() as playwright:
        newcomer = await launch(playwright, "secretary", stage.home.url)
        try:
            await newcomer.log_in(stage.home.logins["secretary"])
            return await weak_runs.udp_blocked(stage, newcomer)
        finally:
            await newcomer.close()


class Report:
    """Prints what was found; ``kept`` is False once a promise was not."""

    def __init__(self) -> None:
        self.kept = True
        self._about = {"commit": _commit(), "machine": describe()}

    async def take(self, name: str, run: Callable[[], Awaitable[Figures]]) -> None:
        """Runs it; what breaks it is its result."""
        began = time.time()
        try:
            figures = await run()
        except AssertionError as error:
            figures = {"failed": str(error)}
        missed = [figures["failed"]] if "failed" in figures else misses(FULL[name], figures)
        self.kept = self.kept and not missed
        target = {key: value for key in FULL[name].__slots__ if (value := getattr(FULL[name], key)) not in (0, NEVER)}
        line = {"profile": name, "took_s": round(time.time() - began), "figures": figures, "target": target}
        stamp = time.strftime("%Y-%m-%d %H:%M", time.gmtime(began))
        print(json.dumps(line | {"missed": missed, "began": stamp} | self._about), flush=True)

    def say_growth(self, growth: Growth) -> None:
        print(json.dumps({"growth": growth.report()} | self._about), flush=True)


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


async def soak(options: argparse.Namespace) -> bool:
    names = options.profile or list(PROFILES)
    until_s = time.monotonic() + options.hours * 3600
    report = Report()
    with tempfile.TemporaryDirectory(prefix="huitang-soak-") as path:
        folder = Path(path)
        cameras = make_cameras(folder / "media", TONES_HZ)
        async with async_playwright() as playwright, weak_stage(playwright, folder / "data", cameras) as stage:
            growth = Growth(stage.home)
            while True:
                for name in names:
                    await report.take(name, partial(run_profile, stage, name, options.minutes * 60))
                    growth.note()
                if options.switches:
                    await report.take("switch", partial(run_switches, stage, options.switches))
                    growth.note()
                if time.monotonic() >= until_s:
                    break
            report.say_growth(growth)
    return report.kept


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3, help="of each profile that stays as it is")
    parser.add_argument("--profile", action="append", choices=list(PROFILES), help="only this one; may be repeated")
    parser.add_argument("--switches", type=int, default=0, help="changes of address at the end")
    parser.add_argument("--hours", type=float, default=0, help="the whole again and again for so long")
    sys.exit(0 if asyncio.run(soak(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
