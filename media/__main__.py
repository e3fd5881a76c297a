"""``python -m media``: one media worker. Settings come from the environment (``media/settings.py``)."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from media.settings import Settings
from media.worker import Worker


async def _run(settings: Settings) -> None:
    worker = asyncio.create_task(Worker(settings).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.cancel)
    # What exists now lives as long as the process: collections need not look at it again.
    gc.freeze()
    # Forwarding leaves nothing to collect. Those who leave do, some 200 objects in a cycle each: a few milliseconds for
    # every fifty who come, and what is left of a full room does not stay until the next thousand have come and gone.
    gc.set_threshold(10_000, 5, 2)
    await asyncio.gather(worker, return_exceptions=False)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # optional: not on every platform
    except ImportError:
        return None
    factory: Any = uvloop.new_event_loop
    return factory  # type: ignore[no-any-return]


def main() -> int:
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        settings = Settings.from_env()
    except ValueError as error:
        sys.stderr.write(f"media: {error}\n")
        return 2
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_run(settings))
        except (asyncio.CancelledError, KeyboardInterrupt):
            logging.getLogger("media").info("media worker stopped")
        except OSError as error:  # the port or the tap's address is taken
            sys.stderr.write(f"media: cannot listen: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
