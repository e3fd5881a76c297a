"""A whole installation for a test: the supervisor with all its processes in a folder of its own, on free ports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


async def until(what: str, test: Callable[[], Any], deadline_s: float = 20.0) -> Any:
    """Polls ``test`` (plain or coroutine function) until it is true; the AssertionError names what was missing."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    seen: Any = None
    while loop.time() < end:
        seen = test()
        if asyncio.iscoroutine(seen):
            seen = await seen
        if seen:
            return seen
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {deadline_s:.0f} s: {what} (last seen: {seen!r})")


@dataclass
class Installation:
    data_dir: Path
    port: int
    process: asyncio.subprocess.Process
    output: list[str] = field(default_factory=list)
    logins: dict[str, dict[str, str]] = field(default_factory=dict)
    origin: str = "http://127.0.0.1"

    @property
    def url(self) -> str:
        return f"{self.origin}:{self.port}"

    def pid_of(self, name: str) -> int | None:
        """Process id of a child by its program name ("server", "media-0", "recorder-0")."""
        module = {"server": "server", "media": "media", "recorder": "recordings"}[name.split("-")[0]]
        for proc in Path("/proc").iterdir():
            if not proc.name.isdecimal():
                continue
            try:
                words = (proc / "cmdline").read_bytes().split(b"\0")
                parent = int((proc / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent != self.process.pid or words[1:3] != [b"-m", module.encode()]:
                    continue
                environ = (proc / "environ").read_bytes()
            except (OSError, ValueError, IndexError):
                continue
            if module == "server" or f"_ID={name}".encode() in environ:
                return int(proc.name)
        return None

    async def kill(self, name: str) -> int:
        """SIGKILL to the child; returns the dead process id."""
        pid = await until(f"a process {name}", lambda: self.pid_of(name))
        os.kill(pid, signal.SIGKILL)
        return int(pid)

    def is_replaced(self, name: str, old_pid: int) -> bool:
        """Another process has taken the place of the dead one."""
        return self.pid_of(name) not in (None, old_pid)

    async def healthy(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(self.url + "/healthz", ssl=False) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    def recording(self, recording_id: str) -> Path:
        """The folder of a recording's objects in the local store."""
        return self.data_dir / "objects" / "objects" / "rec" / recording_id

    def logs(self) -> str:
        """The ends of all logs, for a failure's report."""
        parts = ["".join(self.output[-40:])]
        paths = sorted((self.data_dir / "logs").glob("*.log"))
        parts.extend(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in paths)
        return "\n".join(parts)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


@asynccontextmanager
async def installation(data_dir: Path, origin: str = "http://127.0.0.1", **env: str) -> AsyncIterator[Installation]:
    """Starts the supervisor on an empty folder with the demonstration organisation; stops everything at the end."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "server.supervisor",
        cwd=ROOT,
        env=dict(os.environ) | {"DATA_DIR": str(data_dir), "PORT": str(port), "MEDIA_WORKERS": "1"} | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    here = Installation(data_dir, port, process, origin=origin)
    reader = asyncio.create_task(_collect(here))
    try:
        await until("a healthy installation", here.healthy, 60)
        if env.get("DEMO") != "0":
            logins = data_dir / "demo-logins.json"
            await until("the demonstration's logins", logins.exists, 60)
            here.logins = {login["role"]: login for login in json.loads(logins.read_text(encoding="utf-8"))}
        yield here
    except BaseException:
        print(here.logs())
        raise
    finally:
        await here.stop()
        await reader


async def _collect(here: Installation) -> None:
    assert here.process.stdout is not None
    while line := await here.process.stdout.readline():
        here.output.append(line.decode(errors="replace"))
