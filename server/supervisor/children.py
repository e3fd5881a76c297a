"""A child process that is kept alive: started, watched, restarted within a second, stopped in time.

It knows processes only; what they are called and do is programs.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2): the kernel signals the child when its parent dies, even by SIGKILL
RESTART_DELAYS_S = (0.1, 0.3, 0.8)  # then 0.8 for ever: a child that dies is back within a second
STEADY_S = 30.0  # a child that lived this long starts again without delay
STOP_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. ``arguments`` follow the interpreter; ``env`` is complete."""

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]


class Child:
    """One supervised process. ``run`` lives until it is cancelled; then the process is gone."""

    def __init__(self, program: Program, log_dir: Path, report: Callable[[str], None]) -> None:
        self.program = program
        self.restarts = 0
        self._log_path = log_dir / f"{program.name}.log"
        self._report = report
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """None between two lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Starts the program again whenever it ends."""
        failures = 0
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                code = await self._live()
                failures = 0 if loop.time() - began > STEADY_S else failures + 1
                self.restarts += 1
                self._report(f"{self.program.name} ended with {code}, starting it again ({self._last_line()})")
                await asyncio.sleep(RESTART_DELAYS_S[min(failures, len(RESTART_DELAYS_S)) - 1] if failures else 0)
        finally:
            await self._stop()

    async def _live(self) -> int:
        with self._log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.program.arguments,
                env=dict(self.program.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is ours to hand on
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        return await self._process.wait()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def _last_line(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log_path.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
            if lines:
                return lines[-1][:300]
        return "no output"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
