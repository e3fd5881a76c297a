"""Keys that the installation makes for itself; one row each, the same for all its servers."""

from __future__ import annotations

import secrets

from sqlalchemy.exc import IntegrityError

from server.clock import Clock
from server.storage.engine import Database
from server.storage.models import Secret


async def installation_secret(db: Database, clock: Clock, name: str, size: int = 32) -> bytes:
    """The secret of this name, made at the first call. Two servers that start at once get the same one."""
    stored = await _stored(db, name)
    if stored is None:
        try:
            async with db.session() as session:
                session.add(Secret(name=name, value=secrets.token_bytes(size), created_ms=clock.now_ms()))
        except IntegrityError:
            pass  # another server was quicker: its secret holds
        stored = await _stored(db, name)
    if stored is None:
        raise RuntimeError(f"the secret {name} was not kept")
    return stored


async def _stored(db: Database, name: str) -> bytes | None:
    async with db.session() as session:
        row = await session.get(Secret, name)
    return row.value if row else None
