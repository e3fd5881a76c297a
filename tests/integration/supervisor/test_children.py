"""Real child processes: started again when they die, stopped when asked, gone with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from server.supervisor.children import Child, Program

pytestmark = pytest.mark.integration

SLEEPER = "import time; print('here', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
)


async def until(what: str, test: Callable[[], object], deadline_s: float = 10.0) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not test():
        assert loop.time() < end, f"not within {deadline_s} s: {what}"
        await asyncio.sleep(0.02)


def child(folder: Path, code: str, said: list[str]) -> Child:
    return Child(Program("sleeper", ("-c", code), dict(os.environ)), folder, said.append)


async def test_a_killed_child_comes_back_and_it_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    one = child(tmp_path, SLEEPER, said)
    running = asyncio.create_task(one.run())
    for _ in range(4):
        await until("the child lives", lambda: one.pid)
        old = one.pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        await until("another process", lambda old=old: one.pid not in (None, old))  # type: ignore[misc]
    assert one.restarts == 4
    assert all("sleeper ended with -9" in line for line in said)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert one.pid is None


async def test_a_child_that_ends_at_once_is_tried_again_with_its_last_words(tmp_path: Path) -> None:
    said: list[str] = []
    one = child(tmp_path, "print('no such door'); raise SystemExit(3)", said)
    running = asyncio.create_task(one.run())
    await until("several tries", lambda: len(said) >= 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "no such door" in said[0]


async def test_a_stubborn_child_is_killed_at_the_end(tmp_path: Path) -> None:
    one = child(tmp_path, STUBBORN, [])
    running = asyncio.create_task(one.run())
    log = tmp_path / "sleeper.log"
    await until("the child is up", lambda: log.exists() and b"here" in log.read_bytes())
    pid = one.pid
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not Path(f"/proc/{pid}").exists()


async def test_children_go_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys; from pathlib import Path; from server.supervisor.children import Child, Program\n"
        f"one = Child(Program('sleeper', ('-c', {SLEEPER!r}), dict(os.environ)), Path({str(tmp_path)!r}), print)\n"
        "async def main():\n"
        "    task = asyncio.create_task(one.run())\n"
        "    while one.pid is None: await asyncio.sleep(0.01)\n"
        "    print(one.pid, flush=True); await task\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until("the child is gone", lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    """A zombie that nobody has waited for is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
