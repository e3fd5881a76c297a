"""A browser's processes as the machine sees them, to stop them as the sleep of a computer does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def asleep(mark: str) -> Iterator[None]:
    """While inside, the browser that was started with ``mark`` among its flags does not run at all."""
    pids = _tree(mark)
    assert pids, f"no process was started with {mark}"
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _tree(mark: str) -> list[int]:
    """Who bears the mark and all who descend from them, parents first."""
    parents = {int(proc.name): proc for proc in Path("/proc").iterdir() if proc.name.isdecimal()}
    found: list[int] = []
    children: dict[int, list[int]] = {}
    for pid, proc in parents.items():
        try:
            words = (proc / "cmdline").read_bytes()
            parent = int((proc / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(pid)
        if mark.encode() in words:
            found.append(pid)
    for pid in found:  # grows while it is walked through
        found.extend(child for child in children.get(pid, []) if child not in found)
    return found
