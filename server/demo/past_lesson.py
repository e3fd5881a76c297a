"""The lesson before this one: scheduled, held and recorded as a real one is, but quicker. Every event is in the log."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from server.auth.actor import Actor
from server.demo.people import (
    ADMINISTRATOR,
    HOST,
    LECTURER,
    MEMBER,
    PAST_AGENDA,
    PAST_TITLE,
    PLACE,
    RECORDER,
    REMARKS,
)
from server.ids import new_id
from server.planning.door import SHUTS_AFTER_MS
from server.planning.service import CHINA_OFFSET_MS, FrozenRoll
from server.protocol.http import AgendaItemInput, MeetingInput
from server.protocol.models import MeetingState, MeetingType, RoomRole
from server.services import Services
from server.storage.accounts import actor_of_member
from server.storage.models import ExpectedMember, Meeting, Recording, Segment

if TYPE_CHECKING:
    from recordings.library import ImportedRecording

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
PLANNED_MS = 40 * 60_000
HELD_MS = 48_000
HELD_AT_HOUR = 15
SAMPLE_S = 48
_FILM = """
import sys, pathlib, recordings.sample
recordings.sample.make_sample(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
"""
ON_LEAVE, ABSENT = "何天宇", (MEMBER, "郭玉兰")

Step = tuple[int, str, str | None, dict[str, Any]]  # ms after the start, type, actor, payload


async def host_of(services: Services, members: dict[str, str]) -> Actor:
    async with services.db.session() as session:
        host = await actor_of_member(session, members[HOST], services.clock.now_ms())
    if host is None:
        raise RuntimeError("the demonstration's host has no account")
    return host


async def schedule(services: Services, members: dict[str, str], branch_id: str) -> str:
    """Planned the day before it was held."""
    start_ms = held_at(services.clock.now_ms())
    meeting_id = await services.planning.create(
        await host_of(services, members),
        MeetingInput(
            organisation_id=branch_id,
            type=MeetingType.PARTY_LESSON,
            title=PAST_TITLE,
            start_ms=start_ms,
            end_ms=start_ms + PLANNED_MS,
            host_member_id=members[HOST],
            recorder_member_id=members[RECORDER],
            lecturer_member_id=members[LECTURER],
            place=PLACE,
            agenda=tuple(AgendaItemInput(title=title, planned_minutes=minutes) for title, minutes in PAST_AGENDA),
            not_classified=True,
        ),
        as_of_ms=start_ms - DAY_MS,
    )
    async with services.db.session() as session:
        away = await session.get_one(ExpectedMember, (meeting_id, members[ON_LEAVE]))
        away.leave_reason, away.leave_approved_by = "duty_travel", members[HOST]
    return meeting_id


async def hold(services: Services, members: dict[str, str]) -> None:
    """Makes the recording, writes the log, assembles the ledger entry. Done again after a crash, it goes on."""
    async with services.db.session() as session:
        query = select(Meeting).where(Meeting.title == PAST_TITLE, Meeting.state == MeetingState.SCHEDULED.value)
        meeting = (await session.execute(query)).scalars().first()
    if meeting is None:
        return
    roll = await services.planning.freeze_roll(meeting.id)
    recording_id = new_id()
    recorded = await _record(services, recording_id, meeting.start_ms)
    started_ms = meeting.start_ms
    for offset_ms, type_, actor, payload in _steps(meeting, roll, members, recording_id, recorded):
        await services.log.append(meeting.id, type_, payload, actor=actor, at_ms=started_ms + offset_ms)
    async with services.db.session() as session:
        stored = await session.get_one(Meeting, meeting.id)
        stored.state, stored.started_ms, stored.ended_ms = MeetingState.ENDED.value, started_ms, started_ms + HELD_MS
        session.add(_recording(meeting.id, recording_id, started_ms, recorded))
        await session.flush()
        session.add_all(_segments(recording_id, recorded))
    await services.record.assemble(meeting.id)
    await services.record.recording_finished(recording_id)


async def _record(services: Services, recording_id: str, origin_ms: int) -> ImportedRecording:
    # Only here, so that a server that seeds nothing never loads FFmpeg's libraries.
    from recordings.library import import_file

    with tempfile.TemporaryDirectory(prefix="huitang-demo-") as folder:
        file = Path(folder) / "lesson.mp4"
        await _make_film(file)
        return await import_file(file, services.store, recording_id, origin_ms)


async def _make_film(file: Path) -> None:
    """In a process of its own: encoding takes seconds, and a server that is told to stop does not wait for it."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _FILM, str(file), str(SAMPLE_S))
    try:
        if await process.wait():
            raise RuntimeError("the demonstration's film could not be made")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _steps(
    meeting: Meeting, roll: FrozenRoll, members: dict[str, str], recording_id: str, recorded: ImportedRecording
) -> Iterator[Step]:
    """The lesson as it went, in the order of time."""
    there = [row for row in roll.rows if row.name not in (*ABSENT, ON_LEAVE)]
    seats = {row.member_id: new_id() for row in there}
    host = members[HOST]
    digest = hashlib.sha256(json.dumps(roll.roll, separators=(",", ":")).encode()).hexdigest()
    yield -120_000, "meeting_opened", None, {"roll_sha256": digest, "expected": roll.expected}
    for number, row in enumerate(there):
        joined = {
            "participant_id": seats[row.member_id],
            "member_id": row.member_id,
            "role": row.role.value,
            "device": "phone" if number % 3 == 0 else "desktop",
        }
        yield number * 1500 - 60_000, "joined", row.member_id, joined
    started = {
        "roll": [list(entry) for entry in roll.roll],
        "expected": roll.expected,
        "expected_voting": roll.expected_voting,
        "rule": roll.rule,
    }
    yield 0, "meeting_started", host, started
    yield 50, "recording_started", None, {"recording_id": recording_id, "origin_ms": meeting.start_ms}
    yield 1_000, "agenda_moved", host, {"item_id": meeting.agenda[0]["item_id"]}
    happened = [*_sign_ins(there, seats), *_remarks(meeting, members, seats), *_stored(recording_id, recorded)]
    happened.append((28_000, "agenda_moved", host, {"item_id": meeting.agenda[1]["item_id"]}))
    yield from sorted(happened, key=lambda step: step[0])
    for row in there:
        left = {"participant_id": seats[row.member_id], "member_id": row.member_id, "reason": "ended"}
        yield HELD_MS, "left", row.member_id, left
    yield HELD_MS, "meeting_ended", host, {"reason": "host"}
    finished = {
        "recording_id": recording_id,
        "duration_ms": recorded.duration_ms,
        "gaps": [],
        "origin_ms": meeting.start_ms,
    }
    yield HELD_MS + 1_500, "recording_finished", None, finished


def _sign_ins(there: list[Any], seats: dict[str, str]) -> Iterator[Step]:
    for number, row in enumerate(there):
        if row.role is not RoomRole.OBSERVER:
            payload = {"member_id": row.member_id, "method": "self", "participant_id": seats[row.member_id]}
            yield 2_000 + number * 700, "signed_in", row.member_id, payload


def _remarks(meeting: Meeting, members: dict[str, str], seats: dict[str, str]) -> Iterator[Step]:
    for offset_ms, name, text in REMARKS:
        member_id = members[name]
        item = meeting.agenda[0 if offset_ms < 28_000 else 1]["item_id"]
        seat = {"participant_id": seats[member_id], "member_id": member_id}
        yield offset_ms, "remark", member_id, {"remark_id": new_id(), "text": text, "agenda_item_id": item, **seat}
    member_id = members[ADMINISTRATOR]
    seat = {"participant_id": seats[member_id], "member_id": member_id}
    turn = {"remark_id": new_id(), **seat}
    yield 36_000, "hand_raised", member_id, seat
    yield 37_500, "floor_given", members[HOST], {**turn, "by": members[HOST]}
    yield 43_000, "floor_ended", member_id, turn


def _stored(recording_id: str, recorded: ImportedRecording) -> Iterator[Step]:
    for segment in recorded.segments:
        payload = {
            "recording_id": recording_id,
            "index": segment.index,
            "key": segment.key,
            "sha256": segment.sha256,
            "start_ms": segment.start_ms,
            "duration_ms": segment.duration_ms,
        }
        yield min(HELD_MS, 500 + segment.start_ms + segment.duration_ms), "recording_segment", None, payload


def _recording(meeting_id: str, recording_id: str, origin_ms: int, recorded: ImportedRecording) -> Recording:
    return Recording(
        id=recording_id,
        meeting_id=meeting_id,
        state="finished",
        origin_ms=origin_ms,
        duration_ms=recorded.duration_ms,
        gaps=[],
        created_ms=origin_ms,
    )


def _segments(recording_id: str, recorded: ImportedRecording) -> list[Segment]:
    return [
        Segment(
            recording_id=recording_id,
            key=segment.key,
            index=segment.index,
            sha256=segment.sha256,
            bytes=segment.bytes,
            start_ms=segment.start_ms,
            duration_ms=segment.duration_ms,
        )
        for segment in recorded.segments
    ]


def held_at(now_ms: int) -> int:
    """Three in the afternoon in China: yesterday, or the day before while yesterday's might still be begun late.

    Its film takes some seconds; until then the home page must not show it as the meeting that everybody waits for.
    """
    today = (now_ms + CHINA_OFFSET_MS) // DAY_MS * DAY_MS - CHINA_OFFSET_MS
    yesterday = today - DAY_MS + HELD_AT_HOUR * HOUR_MS
    is_over = yesterday + PLANNED_MS + SHUTS_AFTER_MS < now_ms
    return yesterday if is_over else yesterday - DAY_MS
