"""``python -m tests.fuzz --runs N [--seed S] [target …]``: N mutated inputs for each target, without further packages.

The last line is JSON. An input that raises what it must not is kept in ``tests/.output/fuzz`` and the exit code is 1;
put it into the target's folder of ``tests/fixtures/fuzz``, where the unit tests run it from then on.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import sys
import time
from pathlib import Path

from tests.fuzz.targets import TARGETS, Target

OUTPUT = Path(__file__).resolve().parents[1] / ".output" / "fuzz"
SLOW_MS = 50
DRIFT = 0.01  # inputs that were accepted become seeds themselves
MAX_CORPUS = 500
RUNS_PER_COLLECTION = 2000
MAX_FAILURES = 5  # of one target, then it is enough


def fuzz(target: Target, runs: int, seed: int, seconds: float = 0.0) -> dict[str, float | int | list[str]]:
    """Figures of one target. Time is that of this thread, so that a busy machine does not look like a slow parser."""
    corpus = target.corpus()
    source = random.Random(f"{target.name} {seed}")
    slowest = accepted = done = slow = 0
    failures: list[str] = []
    began = time.monotonic()
    gc.collect()
    gc.disable()  # or it is measured wherever it happens to fall
    while done < runs and len(failures) < MAX_FAILURES and (not seconds or time.monotonic() - began < seconds):
        data = target.mutate(source, corpus)
        before = time.thread_time_ns()
        try:
            target.run(data)
            accepted += 1
            if source.random() < DRIFT and len(corpus) < MAX_CORPUS:
                corpus.append(data)
        except target.may_raise:
            pass
        except Exception as error:  # this is what we are looking for
            failures.append(f"{type(error).__name__}: {_keep(target, data)}")
        took = time.thread_time_ns() - before
        slowest = max(slowest, took)
        slow += took > SLOW_MS * 1_000_000
        done += 1
        if done % RUNS_PER_COLLECTION == 0:
            gc.collect()
    gc.enable()
    return {
        "runs": done,
        "accepted": accepted,
        "slowest_ms": round(slowest / 1e6, 2),
        f"over_{SLOW_MS}_ms": slow,
        "seconds": round(time.monotonic() - began, 1),
        "failures": failures,
    }


def _keep(target: Target, data: bytes) -> str:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    return path.name


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="target", help=" ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop each target after this long")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 1 << 32)
    found = {}
    for name in options.targets or TARGETS:
        found[name] = fuzz(TARGETS[name], options.runs, seed, options.seconds)
        sys.stderr.write(f"{name}: {json.dumps(found[name])}\n")
    sys.stdout.write(json.dumps({"seed": seed, "targets": found}) + "\n")
    return 1 if any(item["failures"] for item in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
