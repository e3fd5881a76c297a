"""Coverage, prompts and tasks as the API shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from server.makeup.credit import Timeline, WatchState
from server.makeup.intervals import Span, total
from server.makeup.watching import Task
from server.protocol.http import Coverage, Interval, MakeupTaskInfo, PresencePrompt, WatchRule
from server.record.rules import WatchCreditRule


def coverage_of(spans: Iterable[Span], timeline: Timeline, rule: WatchCreditRule) -> Coverage:
    credited = tuple(spans)
    credited_ms, required_ms = total(credited), timeline.required_ms(rule)
    return Coverage(
        credited=tuple(Interval(start_ms=start, end_ms=end) for start, end in credited),
        credited_ms=credited_ms,
        required_ms=required_ms,
        duration_ms=timeline.duration_ms,
        done=credited_ms >= required_ms > 0,
    )


def prompt_of(state: WatchState) -> PresencePrompt | None:
    if state.prompt is None:
        return None
    return PresencePrompt(prompt_id=state.prompt.prompt_id, answer_by_ms=state.prompt.answer_by_ms)


def rule_info(rule: WatchCreditRule) -> WatchRule:
    return WatchRule(
        share_percent=rule.share_percent,
        max_rate=rule.max_rate,
        prompt_every_s=(rule.prompt_after_min_ms // 1000, rule.prompt_after_max_ms // 1000),
        prompt_answer_s=rule.prompt_answer_ms // 1000,
    )


def task_info(task: Task, now_ms: int) -> MakeupTaskInfo:
    """A task that is done stays done, also after its due date."""
    row, timeline = task.row, task.timeline
    return MakeupTaskInfo(
        task_id=row.id,
        meeting_id=row.meeting_id,
        recording_id=task.recording.id if task.recording else None,
        title=task.meeting.title,
        due_ms=row.due_ms,
        state="done" if row.done_ms is not None else "overdue" if now_ms > row.due_ms else "open",
        credited_ms=row.credited_ms,
        required_ms=timeline.required_ms(task.rule),
        duration_ms=timeline.duration_ms,
        done_ms=row.done_ms,
    )
