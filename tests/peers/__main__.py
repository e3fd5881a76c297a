"""``python -m tests.peers``: Janus' videoroom and our worker on the same load, in turn; the last line is JSON."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict

from tests.bench.run import PROJECT
from tests.netsim.namespace import namespace
from tests.peers import janus
from tests.peers.inside import Given


def _parse(arguments: list[str] | None) -> Given:
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measured window")
    parser.add_argument("--warmup", type=float, default=2.0)
    parser.add_argument("--pairs", type=int, default=2, help="runs of each server, in turn")
    parser.add_argument("--event-loops", type=int, default=0, help="Janus' event_loops; 0: a thread per connection")
    parser.add_argument("--wait-for-quiet", type=float, default=0.0, help="seconds to wait for an idle machine per run")
    parser.add_argument("--worker-command", default=f"{shlex.quote(sys.executable)} -m media")
    return Given(**vars(parser.parse_args(arguments)))


def _install() -> str:
    """Janus from Debian's packages, if it is missing; what to say if that cannot be."""
    if janus.find() is not None:
        return ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "janus is missing: apt-get install --no-install-recommends janus (Debian, as root)"
    print("peers: installing janus", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "janus"]):
        done = subprocess.run(["apt-get", *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"apt-get {words[0]} failed: {done.stderr.strip()}"
    if shutil.which("systemctl") is not None:  # the package starts a service of its own, which is not what is measured
        subprocess.run(["systemctl", "disable", "--now", "janus"], capture_output=True, check=False)
    return ""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 if both were measured, however the figures are."""
    given = _parse(arguments)
    lacking = _install()
    if lacking:
        print(f"peers: {lacking}", file=sys.stderr)
        return 1
    try:
        with namespace() as place:
            inside = [sys.executable, "-m", "tests.peers.inside", json.dumps(asdict(given)), place.address]
            return subprocess.run([*place.prefix, *inside], cwd=PROJECT, check=False).returncode
    except RuntimeError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
