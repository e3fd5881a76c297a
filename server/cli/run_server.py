"""``python -m server`` without a command: serves until SIGTERM or SIGINT, then stops within two seconds."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys

import uvloop

from recordings.errors import StoreError
from server.app import Server
from server.errors import DatabaseAwayError
from server.settings import Settings, load_settings
from server.telemetry.logs import set_up_logging

log = logging.getLogger(__name__)


def run(_options: argparse.Namespace) -> int:
    settings = load_settings()
    set_up_logging(settings.log_level)
    if not settings.worker_token:
        raise ValueError("WORKER_TOKEN is empty: media workers and recorders would be anybody (`make run` makes one)")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except (OSError, DatabaseAwayError, StoreError) as error:
        print(f"huitang: the server cannot start: {error}", file=sys.stderr)
        return 1
    return 0


async def serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = Server(settings)
    try:
        start = asyncio.create_task(server.start())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({start, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            start.cancel()
        stopped.cancel()
        await asyncio.gather(start)
        log.info("serving on port %s", server.port)
        await stop.wait()
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        await server.stop()
