"""Puts the replay page together: the recording, its chapters and remarks from the log, and what is credited."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.errors import AppError
from server.makeup.intervals import Span
from server.makeup.views import coverage_of, rule_info
from server.makeup.watching import Watchable
from server.meeting_log.types import LoggedEvent
from server.planning.summaries import meeting_summaries
from server.protocol.codes import ErrorCode
from server.protocol.http import Chapter, GapInfo, MakeupTaskInfo, Replay
from server.record.chapters import agenda_times, chapters
from server.record.facts import acting_members
from server.record.local_time import naive
from server.record.remarks import remarks
from server.record.roll import settings_upwards
from server.record.rules import utc_offset_minutes
from server.record.views import remark_info
from server.storage.members import member_names

NEAR_END_MS = 3_000  # who stopped this close to the end begins anew


async def build_replay(
    session: AsyncSession,
    watchable: Watchable,
    events: list[LoggedEvent],
    actor: Actor,
    coverage: Iterable[Span],
    position_ms: int,
    task: MakeupTaskInfo | None,
    now_ms: int,
) -> Replay:
    """Raises AppError RECORDING_NOT_READY before the first media came in."""
    recording, meeting, duration_ms = watchable.recording, watchable.meeting, watchable.timeline.duration_ms
    if recording.origin_ms is None or duration_ms == 0:
        raise AppError(ErrorCode.RECORDING_NOT_READY, "nothing is recorded yet", retryable=watchable.is_open)
    summary = (await meeting_summaries(session, [meeting], actor, now_ms))[0]
    names = await member_names(session, acting_members(events))
    found = chapters(agenda_times(events, meeting.agenda), recording.origin_ms, duration_ms)
    offset = utc_offset_minutes(await settings_upwards(session, watchable.path))
    return Replay(
        recording_id=recording.id,
        meeting=summary,
        playlist_url=f"/api/recordings/{recording.id}/hls/index.m3u8",
        live=watchable.is_open,
        origin_ms=recording.origin_ms,
        duration_ms=duration_ms,
        chapters=tuple(Chapter(title=title, start_ms=start, end_ms=end) for title, start, end in found),
        remarks=tuple(remark_info(remark) for remark in remarks(events, names)),
        gaps=tuple(GapInfo(**gap) for gap in recording.gaps),
        rule=rule_info(watchable.rule),
        coverage=coverage_of(coverage, watchable.timeline, watchable.rule),
        resume_at_ms=position_ms if position_ms < duration_ms - NEAR_END_MS else 0,
        watermark=f"{actor.name} {naive(now_ms, offset):%Y-%m-%d %H:%M}",
        task=task,
    )
