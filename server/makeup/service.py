"""Make-up viewing: the replay page, watch sessions, credit and tasks.

Credit is decided by credit.py; raw heartbeats are kept. A task closes once, as an event of the meeting's log.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.auth.rate import RateLimit
from server.auth.rights import Action, can
from server.clock import Clock
from server.errors import AppError, ForbiddenError
from server.ids import new_id
from server.locks import NamedLocks
from server.makeup import watching
from server.makeup.credit import Dice, Verdict, WatchState, judge, opened, settle
from server.makeup.intervals import Span, total
from server.makeup.prompts import SecretDice
from server.makeup.replays import build_replay
from server.makeup.views import coverage_of, prompt_of, task_info
from server.makeup.watching import Task, Watchable
from server.meeting_log.ports import MeetingLog
from server.protocol.codes import ErrorCode
from server.protocol.http import Heartbeat, HeartbeatAnswer, MakeupTaskInfo, Replay, WatchSession
from server.record.verify_offline import sha256_of
from server.storage.engine import Database
from server.storage.models import MakeupTask, WatchSessionRow
from server.telemetry.counters import count

HEARTBEAT_S = 10
IDLE_MS = 2 * 3_600_000
# Each heartbeat is kept as evidence. A player sends one every ten seconds and some more while somebody seeks about.
BEATS_PER_S, BEATS_BURST = 2, 60

_logger = logging.getLogger(__name__)


class WatchDice(Dice, Protocol):
    """Randomness for prompts and nonces, injected."""

    def nonce(self) -> str: ...


class Makeup:
    """One per server. All state is in the database; locks only keep one member's heartbeats in order."""

    def __init__(self, db: Database, log: MeetingLog, clock: Clock, dice: WatchDice | None = None) -> None:
        self._db = db
        self._log = log
        self._clock = clock
        self._dice: WatchDice = dice or SecretDice()
        self._beats = RateLimit(BEATS_PER_S, BEATS_BURST)
        self._locks = NamedLocks()

    # --- tasks --------------------------------------------------------------------------------------------------------

    async def tasks_of(self, member_id: str, now_ms: int) -> tuple[MakeupTaskInfo, ...]:
        """What this member still has to make up for, by due date."""
        return await self._tasks(member_id, now_ms, done=False)

    async def all_tasks_of(self, member_id: str) -> tuple[MakeupTaskInfo, ...]:
        """The same, and after it what is done."""
        return await self._tasks(member_id, self._clock.now_ms(), done=True)

    async def _tasks(self, member_id: str, now_ms: int, *, done: bool) -> tuple[MakeupTaskInfo, ...]:
        async with self._db.session() as session:
            tasks = await watching.load_tasks(session, member_id, done=done)
        return tuple(task_info(task, now_ms) for task in tasks)

    # --- watching -----------------------------------------------------------------------------------------------------

    async def check_right(self, recording_id: str, actor: Actor) -> str:
        """Returns the recording's meeting. Asked for the page, each session, every single object. Raises FORBIDDEN or
        NOT_FOUND."""
        async with self._db.session() as session:
            meeting_id, target = await watching.load_target(session, recording_id, actor.member_id)
        if not can(actor, Action.WATCH_RECORDING, target):
            raise ForbiddenError("this recording is not open to you")
        return meeting_id

    async def replay(self, recording_id: str, actor: Actor) -> Replay:
        await self.check_right(recording_id, actor)
        now_ms = self._clock.now_ms()
        async with self._db.session() as session:
            watchable = await watching.load_watchable(session, recording_id)
        events = await self._log.read(watchable.meeting.id)
        async with self._db.session() as session:
            coverage = await watching.load_coverage(session, recording_id, actor.member_id)
            task = await watching.task_row(session, watchable.meeting.id, actor.member_id)
            last = await watching.last_session(session, recording_id, actor.member_id)
            position_ms = _state(last).position_ms if last else 0
            info = _task_info(watchable, task, now_ms)
            return await build_replay(session, watchable, events, actor, coverage, position_ms, info, now_ms)

    async def watch(self, recording_id: str, actor: Actor) -> WatchSession:
        """A new session of this member. Raises AppError RECORDING_NOT_READY while the recording runs."""
        await self.check_right(recording_id, actor)
        now_ms, member_id = self._clock.now_ms(), actor.member_id
        async with self._lock(member_id), self._db.session() as session:
            watchable = await watching.load_watchable(session, recording_id)
            if watchable.is_open or watchable.timeline.duration_ms == 0:
                raise AppError(ErrorCode.RECORDING_NOT_READY, "the recording is not finished", retryable=True)
            before, coverage = await self._settled(session, watchable, member_id, now_ms)
            nonce = self._dice.nonce()
            row = WatchSessionRow(
                id=new_id(),
                recording_id=recording_id,
                member_id=member_id,
                started_ms=now_ms,
                seen_ms=now_ms,
                last_seq=0,
                state={
                    "watch": opened(now_ms, watchable.rule, self._dice, before).to_json(),
                    "nonces": [_digest(nonce)],
                },
            )
            session.add(row)
        return WatchSession(
            session_id=row.id,
            nonce=nonce,
            heartbeat_s=HEARTBEAT_S,
            coverage=coverage_of(coverage, watchable.timeline, watchable.rule),
        )

    async def _settled(
        self, session: AsyncSession, watchable: Watchable, member_id: str, now_ms: int
    ) -> tuple[WatchState | None, list[Span]]:
        """The state of the member's last session, after a prompt in it that was never answered had its effect."""
        recording_id = watchable.recording.id
        coverage = await watching.load_coverage(session, recording_id, member_id)
        row = await watching.last_session(session, recording_id, member_id)
        if row is None:
            return None, coverage
        verdict = settle(_state(row), now_ms, coverage, watchable.rule, self._dice)
        if verdict.dropped:
            row.state = {**row.state, "watch": verdict.state.to_json()}
            await watching.save_coverage(session, recording_id, member_id, coverage, verdict.coverage)
        return verdict.state, list(verdict.coverage)

    async def heartbeat(self, session_id: str, beat: Heartbeat) -> HeartbeatAnswer:
        """Judges one heartbeat. Raises AppError WATCH_SESSION_OVER for an unknown session, nonce or an old session;
        RATE_LIMITED."""
        if not self._beats.allow(session_id, self._clock.monotonic_ms()):
            raise AppError(ErrorCode.RATE_LIMITED, "too many heartbeats of this session", retryable=True)
        now_ms = self._clock.now_ms()
        async with self._db.session() as session:
            row = await session.get(WatchSessionRow, session_id)
        if row is None:
            raise _over("unknown_session")
        async with self._lock(row.member_id), self._db.session() as session:
            row = await watching.lock_session(session, session_id)
            if row is None or row.ended_ms is not None or now_ms - row.seen_ms > IDLE_MS:
                raise _over("ended_session")
            if not _known(beat.nonce, row.state["nonces"]):
                raise _over("bad_nonce")
            watchable = await watching.load_watchable(session, row.recording_id)
            return await self._judged(session, row, watchable, beat, now_ms)

    async def _judged(
        self, session: AsyncSession, row: WatchSessionRow, watchable: Watchable, beat: Heartbeat, now_ms: int
    ) -> HeartbeatAnswer:
        state = _state(row)
        before = await watching.load_coverage(session, row.recording_id, row.member_id)
        if beat.seq > row.last_seq:
            other_ms = await watching.other_credited_ms(session, row, state.heard_ms)
            verdict = judge(state, beat, now_ms, before, watchable.timeline, watchable.rule, other_ms, self._dice)
            body = beat.model_dump(mode="json", exclude={"nonce"})
            evidence = watching.add_beat(session, row, beat.seq, now_ms, body)
            evidence.refused_ms, evidence.refused_reason = verdict.refused_ms, verdict.refused_reason
            await watching.save_coverage(session, row.recording_id, row.member_id, before, verdict.coverage)
            row.last_seq = beat.seq
        else:  # sent again because the answer was lost: same answer, no more credit
            verdict = Verdict(state, tuple(before))
        nonce = self._dice.nonce()
        # The nonce just used stays good until the next one is used: a lost answer or a beacon breaks no chain.
        row.state = {"watch": verdict.state.to_json(), "nonces": [_digest(beat.nonce), _digest(nonce)]}
        row.seen_ms = now_ms
        await session.flush()
        task = await self._advanced(session, watchable, row.member_id, verdict, now_ms)
        return HeartbeatAnswer(
            nonce=nonce,
            coverage=coverage_of(verdict.coverage, watchable.timeline, watchable.rule),
            refused_ms=verdict.refused_ms,
            refused_reason=verdict.refused_reason,
            prompt=prompt_of(verdict.state),
            task=_task_info(watchable, task, now_ms),
        )

    # --- closing a task -----------------------------------------------------------------------------------------------

    async def _advanced(
        self, session: AsyncSession, watchable: Watchable, member_id: str, verdict: Verdict, now_ms: int
    ) -> MakeupTask | None:
        """Writes the progress; closes the task when enough is credited and no prompt waits for its answer."""
        task = await watching.task_row(session, watchable.meeting.id, member_id)
        if task is None or task.done_ms is not None:
            return task
        task.credited_ms = total(verdict.coverage)
        required_ms = watchable.timeline.required_ms(watchable.rule)
        if task.credited_ms >= required_ms > 0 and verdict.state.prompt is None:
            await session.flush()
            await self._close(session, watchable, task, verdict.coverage, required_ms, now_ms)
        return task

    async def _close(
        self,
        session: AsyncSession,
        watchable: Watchable,
        task: MakeupTask,
        coverage: Iterable[Span],
        required_ms: int,
        now_ms: int,
    ) -> None:
        decision = await _decision(session, watchable, task, list(coverage), required_ms, now_ms)
        if not await watching.close_task(session, task, task.credited_ms, decision, now_ms):
            return
        payload = {
            "task_id": task.id,
            "member_id": task.member_id,
            "credited_ms": task.credited_ms,
            "required_ms": required_ms,
            "rule": f"{watchable.rule.share_percent}%/{watchable.rule.max_rate}x",
            "decision_sha256": sha256_of(decision),
        }
        await self._log.append(task.meeting_id, "makeup_credited", payload, at_ms=now_ms)
        await session.refresh(task)
        count("makeup_tasks_closed")
        _logger.info("make-up task closed task=%s meeting=%s", task.id, task.meeting_id)

    def _lock(self, member_id: str) -> asyncio.Lock:
        return self._locks.of(member_id)


async def _decision(
    session: AsyncSession,
    watchable: Watchable,
    task: MakeupTask,
    coverage: list[Span],
    required_ms: int,
    now_ms: int,
) -> dict[str, Any]:
    """Why the task was closed: the rule, what it was applied to, and the hash of all heartbeats behind it."""
    beats = await watching.beats_of(session, watchable.recording.id, task.member_id)
    return {
        "rule": asdict(watchable.rule),
        "recording_id": watchable.recording.id,
        "duration_ms": watchable.timeline.duration_ms,
        "gaps": [list(gap) for gap in watchable.timeline.gaps],
        "credited": [list(span) for span in coverage],
        "credited_ms": task.credited_ms,
        "required_ms": required_ms,
        "heartbeats": len(beats),
        "heartbeats_sha256": sha256_of([[beat.session_id, beat.seq, beat.at_ms, beat.body] for beat in beats]),
        "decided_ms": now_ms,
    }


def _task_info(watchable: Watchable, task: MakeupTask | None, now_ms: int) -> MakeupTaskInfo | None:
    if task is None:
        return None
    found = Task(task, watchable.meeting, watchable.recording, watchable.timeline, watchable.rule)
    return task_info(found, now_ms)


def _state(row: WatchSessionRow) -> WatchState:
    return WatchState.from_json(row.state["watch"])


def _digest(nonce: str) -> str:
    """The table holds no usable nonce."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def _known(nonce: str, digests: Iterable[str]) -> bool:
    given = _digest(nonce)
    return any(hmac.compare_digest(given, digest) for digest in digests)


def _over(why: str) -> AppError:
    count(f"watch_refused_{why}")
    return AppError(ErrorCode.WATCH_SESSION_OVER, why)
