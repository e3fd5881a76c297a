"""One run: the stand-in server in this process, real workers on one core, the generator on the other."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

from media.control import Grants, TransportClose, TransportOffer, ViewSet
from tests.bench import machine, yardstick
from tests.bench.control import ControlServer
from tests.bench.plan import Plan
from tests.bench.report import Measurement

ROOM = "bench"
PROJECT = Path(__file__).resolve().parents[2]
WORKER_START_S = 20.0
STOP_S = 5.0


class BenchError(Exception):
    """It could not be measured; the message says why."""


class Backend(Protocol):
    """A running server, as the generator's parent sees it."""

    server_offers: bool  # to viewers
    host: str  # where the generator's sockets are bound

    @property
    def pids(self) -> tuple[int, ...]: ...

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Makes one call of the generator; the answer is an acknowledgement as in ``media.control``."""
        ...

    def obituary(self) -> str:
        """What to say when a run failed because the server is gone; empty while it runs."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How our own server is started."""

    command: tuple[str, ...]
    core: int | None
    host: str = "127.0.0.1"
    count: int = 1  # workers that share the room


async def measure(plan: Plan, backend: AbstractAsyncContextManager[Backend], server_core: int | None) -> Measurement:
    """Raises BenchError."""
    before_us = yardstick.cost_us(server_core)
    machine.pin(os.getpid(), plan.core)
    async with backend as server:
        measurement = await _generate(plan, server)
    mean_us = (before_us + yardstick.cost_us(server_core)) / 2
    return replace(
        measurement,
        yardstick_us=round(mean_us, 3),
        ratio_to_yardstick=round(measurement.server_cpu_s_per_million / mean_us, 4),
    )


class WorkerBackend:
    """One room on one worker or several; participants go to them in turn."""

    server_offers = False

    def __init__(self, server: ControlServer, processes: Sequence[Process], host: str) -> None:
        self.host = host
        self._server = server
        self._processes = processes
        self._homes: dict[str, str] = {}  # participant → worker
        self._turn = cycle(server.worker_ids)

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in self._processes)

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        participant_id = arguments["participant_id"]
        home = self._homes.get(participant_id)
        if home is None:
            home = self._homes[participant_id] = next(self._turn)
        call: TransportOffer | ViewSet | TransportClose
        if name == "offer":
            publishes = arguments.pop("publishes")
            call = TransportOffer(room_id=ROOM, grants=Grants(audio=publishes, video=publishes), **arguments)
        elif name == "view":
            call = ViewSet(room_id=ROOM, **arguments)
        else:
            call = TransportClose(room_id=ROOM, **arguments)
        return await self._server.call(home, call)

    def obituary(self) -> str:
        ended = [process.returncode for process in self._processes if process.returncode is not None]
        return f" (a worker had ended with status {ended[0]})" if ended else ""


@asynccontextmanager
async def worker_backend(plan: Plan, options: WorkerOptions) -> AsyncIterator[Backend]:
    """Starts the workers and opens the room. Raises BenchError."""
    async with ControlServer() as server, AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-tap-"))
        processes = [
            await stack.enter_async_context(_worker(options, server, f"bench-{number}", folder))
            for number in range(options.count)
        ]
        await _ready(server, processes)
        await server.open_room(ROOM, plan.scenario.people + plan.leavers)
        yield WorkerBackend(server, processes, options.host)


async def _ready(server: ControlServer, workers: Sequence[Process]) -> None:
    exits = [asyncio.create_task(worker.wait()) for worker in workers]
    ready = asyncio.create_task(server.workers_ready(len(workers), WORKER_START_S))
    await asyncio.wait({*exits, ready}, return_when=asyncio.FIRST_COMPLETED)
    for exited, worker in zip(exits, workers, strict=True):
        if exited.done():
            ready.cancel()
            raise BenchError(f"a worker ended with status {worker.returncode} before it said hello")
        exited.cancel()
    try:
        await ready
    except TimeoutError:
        raise BenchError(f"no worker.hello within {WORKER_START_S:.0f} s") from None


@asynccontextmanager
async def _worker(options: WorkerOptions, server: ControlServer, name: str, folder: str) -> AsyncIterator[Process]:
    tap_folder = Path(folder, name)
    tap_folder.mkdir(mode=0o700)
    settings = {
        "SERVER_URL": server.url,
        "WORKER_TOKEN": server.token,
        "WORKER_ID": name,
        "MEDIA_HOST": options.host,
        "MEDIA_PORT": "0",
        "MEDIA_TAP_DIR": str(tap_folder),
    }
    process = await asyncio.create_subprocess_exec(
        *options.command, cwd=PROJECT, env={**os.environ, **settings}, stdout=sys.stderr
    )
    try:
        machine.pin(process.pid, options.core)
        yield process
    finally:
        await stop(process)


async def stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _generate(plan: Plan, server: Backend) -> Measurement:
    plan = replace(
        plan,
        host=server.host,
        server_offers=server.server_offers,
        server_pids=server.pids,
        parent_pid=os.getpid(),
    )
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.generator", json.dumps(asdict(plan))),
        cwd=PROJECT,
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 20,
    )
    calls: set[asyncio.Task[None]] = set()
    try:
        assert generator.stdout is not None
        while line := await generator.stdout.readline():
            message = json.loads(line)
            if "measured" in message:
                return Measurement(**message["measured"])
            if "failed" in message:
                raise BenchError(message["failed"] + server.obituary())
            task = asyncio.create_task(_serve(message, server, generator))
            calls.add(task)
            task.add_done_callback(calls.discard)
        raise BenchError("the generator ended without a result" + server.obituary())
    finally:
        await stop(generator)
        for task in calls:
            task.cancel()


async def _serve(message: dict[str, Any], server: Backend, generator: Process) -> None:
    """Passes one call of the generator on to the server, and the answer back."""
    try:
        answer = await server.call(message["call"], message["arguments"])
    except Exception as error:  # the generator must hear of it; it gives up the run
        answer = {"ok": False, "error": {"code": "no_answer", "message": f"{type(error).__name__}: {error}"}}
    assert generator.stdin is not None
    generator.stdin.write(json.dumps({"id": message["id"], "answer": answer}).encode() + b"\n")
