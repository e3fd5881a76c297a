"""``python -m recordings``: the recorder process. Settings: recordings/settings.py."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from recordings.recorder import Recorder
from recordings.settings import Settings, read_settings


async def _run(settings: Settings) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, task.cancel)
    await Recorder(settings).run()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = read_settings(os.environ)
    except ValueError as error:
        sys.stderr.write(f"recordings: {error}\n")
        return 2
    try:
        asyncio.run(_run(settings))
    except asyncio.CancelledError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
