"""Tables of make-up viewing: recordings to watch, sessions, heartbeats, credited intervals, tasks. SQL only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.rights import Target
from server.errors import NotFoundError
from server.makeup.credit import Timeline
from server.makeup.intervals import Span, merged
from server.record.roll import settings_upwards
from server.record.rules import WatchCreditRule, rule_of
from server.storage.meetings import latest_recordings
from server.storage.models import (
    ExpectedMember,
    MakeupTask,
    Meeting,
    Organisation,
    Recording,
    Segment,
    WatchBeat,
    WatchInterval,
    WatchSessionRow,
)

OPEN_STATES = ("starting", "recording", "paused", "stalled", "finishing")


@dataclass(frozen=True, slots=True)
class Watchable:
    """A recording with its meeting and the rule under which watching it counts."""

    recording: Recording
    meeting: Meeting
    path: str
    rule: WatchCreditRule
    timeline: Timeline

    @property
    def is_open(self) -> bool:
        """Still being recorded."""
        return self.recording.state in OPEN_STATES


async def load_watchable(session: AsyncSession, recording_id: str) -> Watchable:
    """Raises NotFoundError."""
    recording, meeting, path = await _recording(session, recording_id)
    stored_ms = await session.scalar(
        select(func.max(Segment.start_ms + Segment.duration_ms)).where(Segment.recording_id == recording_id)
    )
    duration_ms = recording.duration_ms if recording.state == "finished" else max(recording.duration_ms, stored_ms or 0)
    return Watchable(
        recording=recording,
        meeting=meeting,
        path=path,
        rule=rule_of(WatchCreditRule, await settings_upwards(session, path)),
        timeline=Timeline(duration_ms, tuple((gap["start_ms"], gap["end_ms"]) for gap in recording.gaps)),
    )


async def load_target(session: AsyncSession, recording_id: str, member_id: str) -> tuple[str, Target]:
    """The meeting, and what ``can`` needs for one member, in two queries: every segment asks. Raises NotFoundError."""
    _, meeting, path = await _recording(session, recording_id)
    expected = await session.scalar(
        select(ExpectedMember.member_id).where(
            ExpectedMember.meeting_id == meeting.id, ExpectedMember.member_id == member_id
        )
    )
    return meeting.id, Target(path=path, expected=frozenset([expected] if expected else ()))


async def _recording(session: AsyncSession, recording_id: str) -> tuple[Recording, Meeting, str]:
    query = (
        select(Recording, Meeting, Organisation.path)
        .join(Meeting, Meeting.id == Recording.meeting_id)
        .join(Organisation, Organisation.id == Meeting.organisation_id)
        .where(Recording.id == recording_id)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFoundError(f"no recording {recording_id}")
    return found


# --- sessions ---------------------------------------------------------------------------------------------------------


async def lock_session(session: AsyncSession, session_id: str) -> WatchSessionRow | None:
    return await session.get(WatchSessionRow, session_id, with_for_update=True)


async def last_session(session: AsyncSession, recording_id: str, member_id: str) -> WatchSessionRow | None:
    """The person's newest session of this recording."""
    query = (
        select(WatchSessionRow)
        .where(WatchSessionRow.recording_id == recording_id, WatchSessionRow.member_id == member_id)
        .order_by(WatchSessionRow.started_ms.desc(), WatchSessionRow.id.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def other_credited_ms(session: AsyncSession, row: WatchSessionRow, since_ms: int) -> int | None:
    """When another session of this person, of whatever recording, was last credited."""
    query = select(WatchSessionRow.state).where(
        WatchSessionRow.member_id == row.member_id, WatchSessionRow.id != row.id, WatchSessionRow.seen_ms > since_ms
    )
    states = (await session.execute(query)).scalars()
    return max((state["watch"]["credited_at_ms"] or 0 for state in states), default=0) or None


def add_beat(session: AsyncSession, row: WatchSessionRow, seq: int, at_ms: int, body: dict[str, Any]) -> WatchBeat:
    """Raw evidence; the caller fills in what was refused."""
    beat = WatchBeat(session_id=row.id, seq=seq, at_ms=at_ms, body=body, refused_ms=0, refused_reason=None)
    session.add(beat)
    return beat


async def beats_of(session: AsyncSession, recording_id: str, member_id: str) -> list[WatchBeat]:
    """Everything that this member's players ever claimed of this recording."""
    query = (
        select(WatchBeat)
        .join(WatchSessionRow, WatchSessionRow.id == WatchBeat.session_id)
        .where(WatchSessionRow.recording_id == recording_id, WatchSessionRow.member_id == member_id)
        .order_by(WatchBeat.session_id, WatchBeat.seq)
    )
    return list((await session.execute(query)).scalars())


# --- credited intervals -----------------------------------------------------------------------------------------------


async def load_coverage(session: AsyncSession, recording_id: str, member_id: str) -> list[Span]:
    query = select(WatchInterval.start_ms, WatchInterval.end_ms).where(
        WatchInterval.recording_id == recording_id, WatchInterval.member_id == member_id
    )
    return merged((start, end) for start, end in await session.execute(query))


async def save_coverage(
    session: AsyncSession, recording_id: str, member_id: str, before: Iterable[Span], after: Iterable[Span]
) -> None:
    """Writes only what differs."""
    gone, new = set(before) - set(after), set(after) - set(before)
    if gone:
        await session.execute(
            delete(WatchInterval).where(
                WatchInterval.recording_id == recording_id,
                WatchInterval.member_id == member_id,
                WatchInterval.start_ms.in_([start for start, _ in gone]),
            )
        )
    session.add_all(
        WatchInterval(recording_id=recording_id, member_id=member_id, start_ms=start, end_ms=end)
        for start, end in sorted(new)
    )


# --- tasks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """A task with what is to be watched for it; ``recording`` None: there is nothing to watch (yet)."""

    row: MakeupTask
    meeting: Meeting
    recording: Recording | None
    timeline: Timeline
    rule: WatchCreditRule


async def task_row(session: AsyncSession, meeting_id: str, member_id: str) -> MakeupTask | None:
    query = select(MakeupTask).where(MakeupTask.meeting_id == meeting_id, MakeupTask.member_id == member_id)
    return (await session.execute(query)).scalar_one_or_none()


async def load_tasks(session: AsyncSession, member_id: str, *, done: bool) -> list[Task]:
    """Open ones by their due date, after them (if wanted) the done ones, newest first."""
    query = (
        select(MakeupTask, Meeting, Organisation.path)
        .join(Meeting, Meeting.id == MakeupTask.meeting_id)
        .join(Organisation, Organisation.id == Meeting.organisation_id)
        .where(MakeupTask.member_id == member_id)
        .order_by(MakeupTask.due_ms)
    )
    if not done:
        query = query.where(MakeupTask.done_ms.is_(None))
    rows = (await session.execute(query)).all()
    recordings = await latest_recordings(session, [meeting.id for _, meeting, _ in rows])
    rules: dict[str, WatchCreditRule] = {}
    found = []
    for row, meeting, path in sorted(rows, key=lambda found: (found[0].done_ms is not None, -(found[0].done_ms or 0))):
        if path not in rules:
            rules[path] = rule_of(WatchCreditRule, await settings_upwards(session, path))
        recording = recordings.get(meeting.id)
        found.append(Task(row, meeting, recording, _timeline(recording), rules[path]))
    return found


def _timeline(recording: Recording | None) -> Timeline:
    if recording is None:
        return Timeline(0)
    return Timeline(recording.duration_ms, tuple((gap["start_ms"], gap["end_ms"]) for gap in recording.gaps))


async def close_task(
    session: AsyncSession, task: MakeupTask, credited_ms: int, decision: Mapping[str, Any], done_ms: int
) -> bool:
    """False: it was closed already."""
    values = {"credited_ms": credited_ms, "done_ms": done_ms, "decision": dict(decision)}
    query = update(MakeupTask).where(MakeupTask.id == task.id, MakeupTask.done_ms.is_(None)).values(**values)
    closed = await session.execute(query.returning(MakeupTask.id), execution_options={"synchronize_session": False})
    return closed.scalar_one_or_none() is not None
