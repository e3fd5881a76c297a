"""Who read or exported something sensitive, and who changed what. Written before the answer goes out."""

from __future__ import annotations

from server.auth.actor import Actor
from server.clock import Clock
from server.ids import new_id
from server.storage.engine import Database
from server.storage.models import AccessLog


class AccessLogger:
    """Notes ids only. An action whose note cannot be written does not happen: the error goes up."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def note(self, actor: Actor, action: str, object_id: str) -> None:
        async with self._db.session() as session:
            session.add(
                AccessLog(
                    id=new_id(),
                    at_ms=self._clock.now_ms(),
                    account_id=actor.account_id,
                    action=action,
                    object_id=object_id,
                )
            )
