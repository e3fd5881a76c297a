"""How log lines look. Set up once by the program; libraries that chatter are kept at warnings."""

from __future__ import annotations

import logging
import sys

_CHATTY = ("aiohttp.access", "engineio", "socketio", "alembic", "sqlalchemy", "aiosqlite", "asyncio")


def set_up_logging(level: str) -> None:
    """One line per event on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
