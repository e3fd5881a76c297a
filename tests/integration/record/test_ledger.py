"""The ledger entry's life on real databases: assembled, written, signed, exported, kept from strangers."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

import pytest
from docx import Document
from openpyxl import load_workbook
from sqlalchemy import func, select

from server.auth.actor import Actor
from server.errors import AppError, NotFoundError
from server.protocol.codes import ErrorCode
from server.protocol.http import LedgerEntry, LedgerState, MinutesInput, SignInput
from server.record.entries import LedgerQuery
from server.record.exports.sign_in_sheet import HEADER_ROW
from server.storage.models import LedgerEntryRow, LogEvent, MakeupTask, Meeting
from tests.integration.record.conftest import MINUTE_MS, PASSWORD, Lesson, on_both_databases

pytestmark = pytest.mark.integration


async def entry_of(lesson: Lesson, name: str = "recorder") -> LedgerEntry:
    entry_id = await lesson.record.assemble(lesson.meeting_id)
    return await lesson.record.entry(entry_id, lesson.actors[name])


def refused(code: ErrorCode) -> pytest.RaisesExc[AppError]:
    return pytest.RaisesExc(AppError, check=lambda error: error.code is code)


async def write(lesson: Lesson, version: int, text: str = "学习了文件。", **more: object) -> LedgerEntry:
    entry = await entry_of(lesson)
    minutes = MinutesInput(
        version=version,
        texts={lesson.agenda[0]["item_id"]: text},
        **more,  # type: ignore[arg-type]
    )
    await lesson.record.put_minutes(entry.row.entry_id, lesson.actors["recorder"], minutes)
    return await entry_of(lesson)


async def sign(lesson: Lesson, name: str, version: int, password: str = PASSWORD) -> LedgerEntry:
    entry_id = (await entry_of(lesson)).row.entry_id
    await lesson.record.sign(entry_id, lesson.actors[name], SignInput(password=password, version=version))
    return await entry_of(lesson)


@on_both_databases
async def test_the_entry_says_what_the_log_says(lesson: Lesson) -> None:
    entry = await entry_of(lesson)
    assert (entry.row.expected, entry.row.present) == (5, 4)
    assert (entry.expected_voting, entry.present_voting) == (5, 4)
    states = {row.name: row.state.value for row in entry.attendance}
    assert states == {
        "同志host": "present",
        "同志recorder": "present",
        "同志here": "present",
        "同志late": "late",
        "同志away": "absent",
    }
    assert [remark.text for remark in entry.agenda[0].remarks] == ["=SUM(1) 我谈一点体会"]
    assert (entry.recording.recording_id, entry.recording_duration_ms) == (lesson.recording_id, 60_000)
    assert entry.proof.verified
    assert entry.row.missing == ("absence_reason", "minutes", "recorder_signature", "host_signature")
    assert (entry.can_sign, entry.can_edit) == ("recorder", True)


@on_both_databases
async def test_assembling_again_gives_the_same_entry_and_no_second_task(lesson: Lesson) -> None:
    first = await lesson.record.assemble(lesson.meeting_id)
    assert await lesson.record.assemble(lesson.meeting_id) == first
    async with lesson.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(LedgerEntryRow)) == 1
        tasks = (await session.execute(select(MakeupTask))).scalars().all()
    assert [task.member_id for task in tasks] == [lesson.member_id("away")]
    assert tasks[0].due_ms == lesson.start_ms + 12 * MINUTE_MS + 14 * 86_400_000


async def test_a_start_assembles_what_is_missing(lesson: Lesson) -> None:
    await remove_entry(lesson)
    assert await lesson.record.assemble_missing() == 1
    assert await lesson.record.assemble_missing() == 0


async def remove_entry(lesson: Lesson) -> None:
    async with lesson.db.session() as session:
        for table in (MakeupTask, LedgerEntryRow):
            for row in (await session.execute(select(table))).scalars():
                await session.delete(row)


@on_both_databases
async def test_an_ended_meeting_without_entry_gets_one_however_many_ask(lesson: Lesson) -> None:
    await remove_entry(lesson)
    before = len(await lesson.log.read(lesson.meeting_id))
    first, *others = await asyncio.gather(*(lesson.record.assemble(lesson.meeting_id) for _ in range(3)))
    assert set(others) == {first}
    assert len(await lesson.log.read(lesson.meeting_id)) == before + 1
    assert await lesson.record.assemble_missing() == 0


async def test_a_running_meeting_has_no_entry_yet(lesson: Lesson) -> None:
    async with lesson.db.session() as session:
        meeting = await session.get_one(Meeting, lesson.meeting_id)
        values = {column.key: getattr(meeting, column.key) for column in Meeting.__table__.columns}
        session.add(Meeting(**(values | {"id": "e" * 32, "state": "live"})))
    with refused(ErrorCode.MEETING_STATE):
        await lesson.record.assemble("e" * 32)


async def test_minutes_have_versions_and_stale_ones_conflict(lesson: Lesson) -> None:
    entry = await write(lesson, 1, absence_reasons={lesson.member_id("away"): "personal"})
    assert (entry.version, entry.agenda[0].text) == (2, "学习了文件。")
    assert entry.row.missing == ("recorder_signature", "host_signature")
    away = next(row for row in entry.attendance if row.name == "同志away")
    assert (away.state.value, away.leave_reason) == ("absent", "personal")
    with refused(ErrorCode.CONFLICT):
        await write(lesson, 1, "另一个版本")
    again = await write(lesson, 2, absence_reasons={lesson.member_id("away"): "personal"})
    assert again.version == 2  # nothing changed


@on_both_databases
async def test_two_writers_at_once_one_wins(lesson: Lesson) -> None:
    results = await asyncio.gather(*(write(lesson, 1, f"第{n}稿") for n in range(4)), return_exceptions=True)
    won = [result for result in results if isinstance(result, LedgerEntry)]
    lost = [result for result in results if isinstance(result, AppError) and result.code is ErrorCode.CONFLICT]
    assert (len(won), len(lost)) == (1, 3)
    assert (await entry_of(lesson)).version == 2


async def test_minutes_must_fit_the_meeting(lesson: Lesson) -> None:
    entry_id = (await entry_of(lesson)).row.entry_id
    for wrong in (
        MinutesInput(version=1, texts={"nowhere": "x"}),
        MinutesInput(version=1, texts={lesson.agenda[0]["item_id"]: "长" * 20_001}),
        MinutesInput(version=1, texts={}, absence_reasons={lesson.member_id("here"): "sick"}),
        MinutesInput(version=1, texts={}, absence_reasons={lesson.member_id("away"): "lazy"}),
    ):
        with refused(ErrorCode.VALIDATION):
            await lesson.record.put_minutes(entry_id, lesson.actors["recorder"], wrong)


async def test_recorder_signs_first_then_the_host(lesson: Lesson) -> None:
    assert [row.entry_id for row in await lesson.record.to_sign(lesson.member_id("recorder"))]
    assert not await lesson.record.to_sign(lesson.member_id("host"))
    with refused(ErrorCode.CONFLICT):
        await sign(lesson, "host", 1)
    entry = await sign(lesson, "recorder", 1)
    assert entry.row.state is LedgerState.SIGNED_BY_RECORDER
    assert await lesson.record.to_sign(lesson.member_id("host"))
    with refused(ErrorCode.ALREADY_SIGNED):
        await sign(lesson, "recorder", 1)
    entry = await sign(lesson, "host", 1)
    assert entry.row.state is LedgerState.ARCHIVED
    assert [(s.role, s.name) for s in entry.signatures] == [("recorder", "同志recorder"), ("host", "同志host")]
    with refused(ErrorCode.ALREADY_SIGNED):
        await sign(lesson, "host", 1)


async def test_signing_needs_the_password_and_the_present_version(lesson: Lesson) -> None:
    with refused(ErrorCode.BAD_CREDENTIALS):
        await sign(lesson, "recorder", 1, "wrong")
    with refused(ErrorCode.CONFLICT):
        await sign(lesson, "recorder", 2)
    with refused(ErrorCode.FORBIDDEN):
        await sign(lesson, "secretary", 1)
    assert (await entry_of(lesson)).row.state is LedgerState.DRAFT


@on_both_databases
async def test_a_change_after_signing_asks_for_new_signatures(lesson: Lesson) -> None:
    await sign(lesson, "recorder", 1)
    await sign(lesson, "host", 1)
    entry = await write(lesson, 1, "补充一段。")
    assert (entry.row.state, entry.signatures, entry.can_sign) == (LedgerState.DRAFT, (), "recorder")
    await sign(lesson, "recorder", 2)
    assert (await sign(lesson, "host", 2)).row.state is LedgerState.ARCHIVED


async def test_signed_facts_stay_when_a_recording_comes_late(lesson: Lesson) -> None:
    await sign(lesson, "recorder", 1)
    async with lesson.db.session() as session:
        before = (await session.execute(select(LedgerEntryRow.facts))).scalar_one()
    finished: dict[str, Any] = {
        "recording_id": lesson.recording_id,
        "duration_ms": 1,
        "gaps": [],
        "origin_ms": lesson.start_ms,
    }
    await lesson.event(14 * MINUTE_MS, "recording_finished", **finished)
    await lesson.record.recording_finished(lesson.recording_id)
    async with lesson.db.session() as session:
        assert (await session.execute(select(LedgerEntryRow.facts))).scalar_one() == before


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("host", True),
        ("recorder", True),
        ("secretary", True),
        ("inspector", True),
        ("here", False),
        ("neighbour", False),
    ],
)
async def test_who_reads_and_exports(lesson: Lesson, name: str, reads: bool) -> None:
    actor: Actor = lesson.actors[name]
    entry_id = await lesson.record.assemble(lesson.meeting_id)
    page = await lesson.record.page(actor, LedgerQuery())
    assert [row.entry_id for row in page.rows] == ([entry_id] if reads else [])
    for call in (lesson.record.entry, lesson.record.sign_in_sheet, lesson.record.minutes_document, lesson.record.proof):
        if reads:
            assert await call(entry_id, actor)
        else:
            with refused(ErrorCode.FORBIDDEN):
                await call(entry_id, actor)


async def test_readers_without_a_part_cannot_write(lesson: Lesson) -> None:
    entry = await entry_of(lesson, "inspector")
    assert (entry.can_edit, entry.can_sign) == (False, None)
    with refused(ErrorCode.FORBIDDEN):
        await lesson.record.put_minutes(
            entry.row.entry_id, lesson.actors["inspector"], MinutesInput(version=1, texts={})
        )
    with pytest.raises(NotFoundError):
        await lesson.record.entry("0" * 32, lesson.actors["inspector"])


@on_both_databases
async def test_pages_follow_one_another(lesson: Lesson) -> None:
    async with lesson.db.session() as session:
        meeting = await session.get_one(Meeting, lesson.meeting_id)
        entry = (await session.execute(select(LedgerEntryRow))).scalar_one()
        of_meeting = {column.key: getattr(meeting, column.key) for column in Meeting.__table__.columns}
        of_entry = {column.key: getattr(entry, column.key) for column in LedgerEntryRow.__table__.columns}
        for n in range(5):
            other = f"{n:032x}"
            start_ms = meeting.start_ms - (n // 2) * MINUTE_MS  # two at the same time
            session.add(Meeting(**(of_meeting | {"id": other, "start_ms": start_ms, "type": "theme_day"})))
            await session.flush()
            session.add(LedgerEntryRow(**(of_entry | {"id": other, "meeting_id": other})))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await lesson.record.page(lesson.actors["host"], LedgerQuery(cursor=cursor, limit=2))
        seen += [row.entry_id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6
    lessons = await lesson.record.page(lesson.actors["host"], LedgerQuery.model_validate({"type": "party_lesson"}))
    assert [row.meeting_id for row in lessons.rows] == [lesson.meeting_id]
    archived = await lesson.record.page(lesson.actors["host"], LedgerQuery(state=LedgerState.ARCHIVED))
    assert not archived.rows


async def test_exports_hold_what_the_database_holds(lesson: Lesson) -> None:
    await write(lesson, 1)
    await sign(lesson, "recorder", 2)
    entry = await sign(lesson, "host", 2)
    sheet_file = await lesson.record.sign_in_sheet(entry.row.entry_id, lesson.actors["secretary"])
    sheet = load_workbook(BytesIO(sheet_file.body)).worksheets[0]
    rows = list(sheet.iter_rows(min_row=HEADER_ROW + 1, values_only=True))
    words = {"present": "出席", "late": "迟到", "absent": "缺席"}
    assert {row[1]: row[10] for row in rows} == {row.name: words[row.state.value] for row in entry.attendance}
    minutes_file = await lesson.record.minutes_document(entry.row.entry_id, lesson.actors["secretary"])
    document = Document(BytesIO(minutes_file.body))
    text = "\n".join(cell.text for row in document.tables[0].rows for cell in row.cells)
    for remark in entry.agenda[0].remarks:
        assert f"{remark.name}：{remark.text}" in text
    assert "学习了文件。" in text
    assert "同志host（电子签名）" in text
    assert entry.proof.check_code in document.sections[0].footer.paragraphs[0].text
    async with lesson.db.session() as session:
        await lesson.log.flush(lesson.meeting_id)
        query = select(LogEvent.hash).where(LogEvent.meeting_id == lesson.meeting_id).order_by(LogEvent.seq.desc())
        head = (await session.execute(query)).scalars().first()
    assert head is not None
    assert head.startswith(entry.proof.check_code)
