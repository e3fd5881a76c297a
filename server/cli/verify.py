"""``python -m server verify <meeting>``: proves a meeting's record against its log, or names the first wrong thing.

The judging is in server/record/verify_offline.py; here the tables and the object store are read, byte for byte.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Text, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.errors import ObjectMissingError, StoreError
from recordings.stores.base import ObjectStore
from recordings.stores.open import open_store
from server.errors import DatabaseAwayError
from server.meeting_log.rows import read
from server.record.proofs import load_proof
from server.record.verify_offline import GENESIS, check_code, code_problem, problems
from server.settings import load_settings
from server.storage.engine import Database
from server.storage.models import LedgerEntryRow, LedgerVersion, MakeupTask, Meeting, Recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("meeting", help="the meeting's id")
    parser.add_argument("--code", help="a check code from a printed record: must be in this meeting's log")


def run(options: argparse.Namespace) -> int:
    """0: everything holds. 1: the first wrong thing is printed."""
    return asyncio.run(_run(options.meeting, options.code))


async def _run(meeting_id: str, code: str | None) -> int:
    settings = load_settings()
    settings.require_database()
    db = Database(settings.effective_database_url)
    try:
        store = await open_store(settings.effective_object_store)
    except StoreError:
        store = None
    try:
        verdict = await verify_meeting(db, store, meeting_id, code)
    finally:
        if store is not None:
            await store.close()
        await db.close()
    print(verdict[1])
    return verdict[0]


async def verify_meeting(
    db: Database, store: ObjectStore | None, meeting_id: str, code: str | None = None
) -> tuple[int, str]:
    """Exit code and the line to print. ``store`` None: it does not answer. Raises ValueError for an unknown meeting."""
    try:
        async with db.session() as session:
            if await session.get(Meeting, meeting_id) is None:
                raise ValueError(f"there is no meeting {meeting_id}")
            problem = await _damaged_json(session, meeting_id)
        if problem is not None:
            return 1, f"WRONG {problem}"
        events = await read(db, meeting_id)
        async with db.session() as session:
            proof = await load_proof(session, meeting_id, events)
    except (DatabaseAwayError, UnicodeDecodeError) as error:
        if "decode" not in str(error):  # what SQLite says of a text column whose bytes are no UTF-8
            raise
        return 1, "WRONG database: a text holds bytes that were never written there"
    problem = next(problems(proof), None) or (code_problem(proof["events"], code) if code else None)
    checked = 0
    if problem is None and store is not None:
        async for problem in _wrong_objects(store, proof["segments"]):
            if problem is not None:
                break
            checked += 1
    if problem is not None:
        return 1, f"WRONG {problem}"
    head = events[-1].hash if events else GENESIS
    objects = "object store not reachable, segments not read" if store is None else f"{checked} segments read"
    return 0, f"OK {len(events)} events, {objects}, head {head}, check code {check_code(head)}"


async def _damaged_json(session: AsyncSession, meeting_id: str) -> str | None:
    """JSON columns hold exactly the text that was written: a changed byte that JSON would forgive is found, too."""
    entry = select(LedgerEntryRow.id).where(LedgerEntryRow.meeting_id == meeting_id)
    columns = (
        ("ledger facts", LedgerEntryRow.facts, LedgerEntryRow.meeting_id == meeting_id),
        ("minutes", LedgerEntryRow.minutes, LedgerEntryRow.meeting_id == meeting_id),
        ("minutes of an earlier version", LedgerVersion.minutes, LedgerVersion.entry_id.in_(entry)),
        ("make-up decision", MakeupTask.decision, MakeupTask.meeting_id == meeting_id),
        ("gaps of a recording", Recording.gaps, Recording.meeting_id == meeting_id),
    )
    for name, column, where in columns:
        for text in (await session.execute(select(cast(column, Text)).where(where))).scalars():
            if text is not None and not _as_written(text):
                return f"{name}: not the text that was written"
    return None


def _as_written(text: str) -> bool:
    """SQLAlchemy writes JSON columns with ``json.dumps`` as it is."""
    try:
        return json.dumps(json.loads(text)) == text
    except ValueError:
        return False


async def _wrong_objects(store: ObjectStore, segments: list[dict[str, Any]]) -> AsyncIterator[str | None]:
    """For each segment None, or what is wrong with the object's bytes."""
    for segment in segments:
        key = segment["key"]
        try:
            body = await store.get(key)
        except ObjectMissingError:
            yield f"segment {key}: the object store does not have it"
        except StoreError as error:
            yield f"segment {key}: cannot be read ({error})"
        else:
            wrong = len(body) != segment["bytes"] or hashlib.sha256(body).hexdigest() != segment["sha256"]
            yield f"segment {key}: its bytes are not those that were recorded" if wrong else None
