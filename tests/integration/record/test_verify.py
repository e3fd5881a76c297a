"""Any single changed byte is found: in the log, the ledger, minutes, signatures, segments, objects, the roll."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Text, cast, func, select, text

from server.cli.verify import verify_meeting
from server.meeting_log.chain import event_hash
from server.protocol.http import MinutesInput, SignInput
from server.record import verify_offline
from server.record.verify_offline import canonical_json
from server.storage.models import Base
from tests.integration.record.conftest import PASSWORD, Lesson, on_both_databases
from tests.integration.record.test_makeup import watch_all

pytestmark = pytest.mark.integration

# Every column that the log, or a hash in the log, vouches for.
PROVEN: dict[str, tuple[str, ...]] = {
    "log_event": ("meeting_id", "seq", "at_ms", "type", "actor", "payload", "prev_hash", "hash"),
    "ledger_entry": ("id", "state", "version", "facts", "minutes", "expected", "present", "assembled_ms"),
    "ledger_version": ("version", "minutes", "by_member_id", "at_ms"),
    "signature": ("role", "version", "member_id", "content_sha256", "signed_ms"),
    "segment": ("key", "index", "sha256", "bytes", "start_ms", "duration_ms"),
    "recording": ("state", "origin_ms", "duration_ms", "gaps"),
    "makeup_task": ("id", "member_id", "done_ms", "decision"),
    "expected_member": ("member_id", "has_vote", "counted"),
}


@pytest.fixture
async def signed(lesson: Lesson) -> AsyncIterator[Lesson]:
    """Written, signed, written again, signed again, made up for: every table has something to prove."""
    entry_id = await lesson.record.assemble(lesson.meeting_id)
    for version in (1, 2):
        minutes = MinutesInput(
            version=version, texts={lesson.agenda[0]["item_id"]: f"第 {version} 次议定"}, summary="一致同意"
        )
        await lesson.record.put_minutes(entry_id, lesson.actors["recorder"], minutes)
        for name in ("recorder", "host"):
            given = SignInput(password=PASSWORD, version=version + 1)
            await lesson.record.sign(entry_id, lesson.actors[name], given)
    await watch_all(lesson, "away")
    await lesson.log.flush(lesson.meeting_id)
    yield lesson


async def verdict(lesson: Lesson, code: str | None = None) -> tuple[int, str]:
    return await verify_meeting(lesson.db, lesson.store, lesson.meeting_id, code)


@on_both_databases
async def test_an_untouched_record_holds(signed: Lesson) -> None:
    code, line = await verdict(signed)
    assert code == 0, line
    assert line.startswith("OK ")
    assert "4 segments read" in line


async def test_every_proven_column_is_guarded(signed: Lesson) -> None:
    """One changed character or number in a row of each column that proves something, below the driver, on SQLite."""
    path = signed.db.url.removeprefix("sqlite+aiosqlite:///")
    dice = random.Random(20261121)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for table, columns in PROVEN.items():
            rowids = [row[0] for row in connection.execute(f"SELECT rowid FROM {table}")]  # noqa: S608
            assert rowids, f"nothing in {table}"
            for column in columns:
                await _flip_one(signed, connection, table, column, dice.choice(rowids), dice)
    code, line = await verdict(signed)
    assert code == 0, line


async def _flip_one(
    lesson: Lesson, connection: sqlite3.Connection, table: str, column: str, rowid: int, dice: random.Random
) -> None:
    query = f'SELECT "{column}" FROM {table} WHERE rowid = ?'  # noqa: S608
    (value,) = connection.execute(query, (rowid,)).fetchone()
    if value is None:
        return
    update = f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?'  # noqa: S608
    for _ in range(3):
        connection.execute(update, (_changed(value, dice), rowid))
        connection.commit()
        code, line = await verdict(lesson)
        assert code == 1, f"{table}.{column} was changed and nobody noticed"
        assert line.startswith("WRONG ")
    connection.execute(update, (value, rowid))
    connection.commit()


def _changed(value: Any, dice: random.Random) -> Any:
    """One bit of one byte, also where that is no longer text; numbers lose or gain one."""
    if isinstance(value, int):
        return value ^ (1 if value in (0, 1) else 64)
    body = bytearray(str(value).encode())
    at = dice.randrange(len(body))
    body[at] ^= 1 << dice.randrange(8)
    try:
        return body.decode()
    except UnicodeDecodeError:
        body[at] = ord("\n")
        return body.decode(errors="replace")


@on_both_databases
async def test_bytes_that_json_would_forgive_are_found(signed: Lesson) -> None:
    """White space, escapes and the order of keys do not change a value; they are changed bytes all the same."""
    tables = Base.metadata.tables
    for table, column in (("ledger_entry", "facts"), ("ledger_entry", "minutes"), ("ledger_version", "minutes")):
        source = tables[table].c[column]
        async with signed.db.session() as session:
            before = (await session.execute(select(cast(source, Text)).limit(1))).scalar_one()
        assert json.loads(before)
        for after in (before.replace(" ", "\n", 1), before + " ", before.replace("\\u4e", "\\u4E", 1)):
            assert after != before
            await _set_text(signed, table, column, before, after)
            assert (await verdict(signed))[0] == 1
            await _set_text(signed, table, column, after, before)
    assert (await verdict(signed))[0] == 0


async def _set_text(lesson: Lesson, table: str, column: str, before: str, after: str) -> None:
    kind = "" if lesson.db.url.startswith("sqlite") else "::json"
    query = f"UPDATE {table} SET {column} = (:after){kind} WHERE CAST({column} AS TEXT) = :before"  # noqa: S608
    async with lesson.db.session() as session:
        await session.execute(text(query), {"before": before, "after": after})


async def test_changed_missing_and_longer_objects_are_found(signed: Lesson) -> None:
    key = f"rec/{signed.recording_id}/000001.m4s"
    body = await signed.store.get(key)
    dice = random.Random(7)
    for _ in range(5):
        flipped = bytearray(body)
        flipped[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
        await signed.store.put(key, bytes(flipped), "video/mp4")
        assert (await verdict(signed)) == (1, f"WRONG segment {key}: its bytes are not those that were recorded")
    await signed.store.put(key, body + b"\0", "video/mp4")
    assert (await verdict(signed))[0] == 1
    await signed.store.delete(key)
    assert (await verdict(signed)) == (1, f"WRONG segment {key}: the object store does not have it")
    await signed.store.put(key, body, "video/mp4")
    assert (await verdict(signed))[0] == 0


@on_both_databases
async def test_removed_rows_are_found(signed: Lesson) -> None:
    for table in ("signature", "ledger_version", "segment", "log_event"):
        source = Base.metadata.tables[table]
        async with signed.db.session() as session:
            rows = [dict(row._mapping) for row in await session.execute(select(source).limit(1))]
            keys = [column == rows[0][column.name] for column in source.primary_key.columns]
            await session.execute(source.delete().where(*keys))
        assert (await verdict(signed))[0] == 1, f"a row of {table} was removed and nobody noticed"
        async with signed.db.session() as session:
            await session.execute(source.insert(), rows)
    assert (await verdict(signed))[0] == 0


async def test_a_log_cut_short_is_found(signed: Lesson) -> None:
    """The chain alone cannot miss its own tail: the tables that the tail vouches for can."""
    log = Base.metadata.tables["log_event"]
    async with signed.db.session() as session:
        last = (await session.execute(select(func.max(log.c.seq)))).scalar_one()
        await session.execute(log.delete().where(log.c.seq == last))
    assert (await verdict(signed))[0] == 1


async def test_printed_check_codes_are_known_again(signed: Lesson) -> None:
    entry = await signed.record.entry(await signed.record.assemble(signed.meeting_id), signed.actors["host"])
    assert (await verdict(signed, entry.proof.check_code.upper()))[0] == 0
    assert (await verdict(signed, "0123456789abcdef"))[1] == "WRONG check code: no event of this log has it"
    assert (await verdict(signed, "xyz"))[0] == 1


async def test_an_unknown_meeting_is_a_wrong_question(signed: Lesson) -> None:
    with pytest.raises(ValueError, match="there is no meeting"):
        await verify_meeting(signed.db, None, "0" * 32)


async def test_without_the_store_the_rest_is_still_proven(signed: Lesson) -> None:
    code, line = await verify_meeting(signed.db, None, signed.meeting_id)
    assert code == 0
    assert "object store not reachable" in line


async def test_the_offline_verifier_runs_alone(signed: Lesson, tmp_path: Path) -> None:
    """As an inspector would: one file, no packages, another folder."""
    entry_id = await signed.record.assemble(signed.meeting_id)
    proof = await signed.record.proof(entry_id, signed.actors["inspector"])
    script = tmp_path / "verify_offline.py"
    script.write_bytes(Path(verify_offline.__file__).read_bytes())
    export = tmp_path / "proof.json"

    def run(body: str, *more: str) -> subprocess.CompletedProcess[str]:
        export.write_text(body, "utf-8")
        command = [sys.executable, "-I", str(script), str(export), *more]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    good = canonical_json(proof)
    done = run(good)
    assert (done.returncode, done.stdout[:3]) == (0, "OK "), done.stdout + done.stderr
    assert run(good, proof["events"][-1]["hash"][:16]).returncode == 0
    done = run(good.replace("我谈一点体会", "我谈两点体会", 1))
    assert (done.returncode, done.stdout[:5]) == (1, "WRONG")
    assert run("{").returncode == 2
    assert run('{"format": "huitang-proof/1"}').returncode == 1


async def test_server_and_offline_verifier_hash_alike(signed: Lesson) -> None:
    for event in await signed.log.read(signed.meeting_id):
        assert event.hash == event_hash(*event[:7]) == verify_offline.event_hash(event._asdict())
