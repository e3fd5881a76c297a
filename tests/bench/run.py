"""One run: the stand-in server in this process, a real worker on one core, the generator on the other."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from media.control import Grants, TransportOffer, ViewSet
from tests.bench import machine, yardstick
from tests.bench.control import ControlServer
from tests.bench.generator import Plan
from tests.bench.report import Measurement

ROOM = "bench"
PROJECT = Path(__file__).resolve().parents[2]
WORKER_START_S = 20.0
STOP_S = 5.0


class BenchError(Exception):
    """It could not be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    subscribers: int
    warmup_s: float
    window_s: float
    bitrate_bps: int
    sample_every: int
    video_slots: int
    gro: bool
    loss: float
    worker_command: tuple[str, ...]
    worker_core: int | None
    load_core: int | None


async def measure(options: Options) -> Measurement:
    """Raises BenchError."""
    before_us = yardstick.cost_us(options.worker_core)
    measurement = await _measure(options)
    mean_us = (before_us + yardstick.cost_us(options.worker_core)) / 2
    return replace(
        measurement,
        yardstick_us=round(mean_us, 3),
        ratio_to_yardstick=round(measurement.server_cpu_s_per_million / mean_us, 4),
    )


async def _measure(options: Options) -> Measurement:
    machine.pin(os.getpid(), options.load_core)
    async with ControlServer() as server, _worker(options, server) as worker:
        await _ready(server, worker)
        await server.open_room(ROOM, options.subscribers + 1)
        plan = Plan(
            subscribers=options.subscribers,
            warmup_s=options.warmup_s,
            window_s=options.window_s,
            bitrate_bps=options.bitrate_bps,
            sample_every=options.sample_every,
            video_slots=options.video_slots,
            gro=options.gro,
            loss=options.loss,
            server_pid=worker.pid,
            parent_pid=os.getpid(),
            core=options.load_core,
        )
        return await _generate(plan, server, worker)


async def _ready(server: ControlServer, worker: Process) -> None:
    exited = asyncio.create_task(worker.wait())
    ready = asyncio.create_task(server.worker_ready(WORKER_START_S))
    await asyncio.wait({exited, ready}, return_when=asyncio.FIRST_COMPLETED)
    if exited.done():
        ready.cancel()
        raise BenchError(f"the worker ended with status {worker.returncode} before it said hello")
    exited.cancel()
    try:
        await ready
    except TimeoutError:
        raise BenchError(f"no worker.hello within {WORKER_START_S:.0f} s") from None


@asynccontextmanager
async def _worker(options: Options, server: ControlServer) -> AsyncIterator[Process]:
    with tempfile.TemporaryDirectory(prefix="bench-tap-") as tap_folder:
        settings = {
            "SERVER_URL": server.url,
            "WORKER_TOKEN": server.token,
            "WORKER_ID": "bench",
            "MEDIA_HOST": "127.0.0.1",
            "MEDIA_PORT": "0",
            "MEDIA_TAP_DIR": tap_folder,
        }
        process = await asyncio.create_subprocess_exec(
            *options.worker_command, cwd=PROJECT, env={**os.environ, **settings}, stdout=sys.stderr
        )
        try:
            machine.pin(process.pid, options.worker_core)
            yield process
        finally:
            await _stop(process)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _generate(plan: Plan, server: ControlServer, worker: Process) -> Measurement:
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
                raise BenchError(_with_worker_state(message["failed"], worker))
            task = asyncio.create_task(_serve(message, server, generator))
            calls.add(task)
            task.add_done_callback(calls.discard)
        raise BenchError(_with_worker_state("the generator ended without a result", worker))
    finally:
        await _stop(generator)
        for task in calls:
            task.cancel()


def _with_worker_state(text: str, worker: Process) -> str:
    return text if worker.returncode is None else f"{text} (the worker had ended with status {worker.returncode})"


async def _serve(message: dict[str, Any], server: ControlServer, generator: Process) -> None:
    """Passes one call of the generator on to the worker, and the answer back."""
    arguments = message["arguments"]
    call: TransportOffer | ViewSet
    if message["call"] == "offer":
        publishes = arguments.pop("publishes")
        call = TransportOffer(room_id=ROOM, grants=Grants(audio=publishes, video=publishes), **arguments)
    else:
        call = ViewSet(room_id=ROOM, **arguments)
    try:
        answer = await server.call(call)
    except Exception as error:  # the generator must hear of it; it gives up the run
        answer = {"ok": False, "error": {"code": "no_answer", "message": f"{type(error).__name__}: {error}"}}
    assert generator.stdin is not None
    generator.stdin.write(json.dumps({"id": message["id"], "answer": answer}).encode() + b"\n")
