from __future__ import annotations

from sqlalchemy import select

from server.auth.access_log import AccessLogger
from server.auth.actor import Actor
from server.storage.engine import Database
from server.storage.models import AccessLog
from tests.conftest import SetClock


async def test_a_note_holds_ids_and_the_time(db: Database, clock: SetClock) -> None:
    await AccessLogger(db, clock).note(Actor("account1", "member1", "王建国", (), ()), "ledger_exported", "entry1")
    async with db.session() as session:
        row = (await session.execute(select(AccessLog))).scalar_one()
    assert (row.account_id, row.action, row.object_id, row.at_ms) == (
        "account1",
        "ledger_exported",
        "entry1",
        clock.now_ms(),
    )
