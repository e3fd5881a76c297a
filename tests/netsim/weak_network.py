"""A weak network between browsers and a media worker that advertises its address: the test's end of the relay.

Profiles are set for a client's address or, with None, for all who come later (a rebuilt connection is a newcomer). Who
is to stay on a clear network comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.netsim.profiles import Profile

ROOT = Path(__file__).resolve().parents[2]
Address = tuple[str, int]


class WeakNetwork:
    """Use ``async with weak_network() as network``."""

    def __init__(self, process: asyncio.subprocess.Process, address: Address) -> None:
        self.address = address
        self._process = process
        self._lock = asyncio.Lock()

    @property
    def advertised(self) -> str:
        """For MEDIA_ADVERTISE."""
        return f"{self.address[0]}:{self.address[1]}"

    async def set_worker(self, host: str, port: int) -> None:
        await self._call(op="worker", host=host, port=port)

    async def shape(self, client: Address | None, profile: Profile) -> None:
        """This client's network from now on; None: that of those who come later."""
        await self._call(op="shape", client=client, up=asdict(profile.up), down=asdict(profile.down))

    async def move(self, client: Address) -> None:
        """From now on the worker sees this client come from another port."""
        await self._call(op="move", client=client)

    async def clients(self) -> list[dict[str, Any]]:
        """Address, port as the worker sees it, and counters of everybody who has sent something."""
        found: list[dict[str, Any]] = await self._call(op="clients")
        return found

    async def client_behind(self, mapped_port: int) -> Address:
        """The client that the worker sees at this port: what the client itself learns as its mapped address."""
        for client in await self.clients():
            if client["mapped_port"] == mapped_port:
                return client["address"][0], client["address"][1]
        raise KeyError(f"no client is mapped to port {mapped_port}")

    async def _call(self, **command: object) -> Any:
        assert self._process.stdin is not None
        async with self._lock:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            await self._process.stdin.drain()
            return await _read(self._process)


@asynccontextmanager
async def weak_network(seed: str = "huitang", host: str = "127.0.0.1") -> AsyncIterator[WeakNetwork]:
    """Clear until a profile is set."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.netsim.relay_process",
        host,
        seed,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        name = await _read(process)
        yield WeakNetwork(process, (name[0], name[1]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _read(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, "the relay's process has ended"
    answer = json.loads(line)
    assert answer["ok"], answer
    return answer["data"]
