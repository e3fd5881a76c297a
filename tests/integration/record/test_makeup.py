"""Make-up viewing on real databases: sessions, heartbeats, tasks, the replay page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from server.errors import AppError
from server.ids import new_id
from server.makeup.service import BEATS_BURST
from server.protocol.codes import ErrorCode
from server.protocol.http import Heartbeat, HeartbeatAnswer, WatchSession
from server.storage.models import LogEvent, MakeupTask, Meeting, Organisation, Recording, WatchBeat, WatchInterval
from tests.integration.record.conftest import LESSON_MS, MINUTE_MS, Lesson, on_both_databases

pytestmark = pytest.mark.integration


class Player:
    """A browser that reports as ours does."""

    def __init__(self, lesson: Lesson, session: WatchSession) -> None:
        self.lesson, self.session_id, self.nonce, self.seq = lesson, session.session_id, session.nonce, 0

    async def beat(self, from_ms: int, to_ms: int, wait_ms: int | None = None, **more: Any) -> HeartbeatAnswer:
        self.lesson.clock.advance(to_ms - from_ms if wait_ms is None else wait_ms)
        self.seq += 1
        values = {"nonce": self.nonce, "seq": self.seq, "from_ms": from_ms, "to_ms": to_ms, "rate": 1.0}
        beat = Heartbeat.model_validate({**values, "visible": True, **more})
        answer = await self.lesson.makeup.heartbeat(self.session_id, beat)
        self.nonce = answer.nonce
        return answer

    async def play(self, from_ms: int, to_ms: int) -> HeartbeatAnswer:
        answer: HeartbeatAnswer | None = None
        for at in range(from_ms, to_ms, 10_000):
            answer = await self.beat(at, min(at + 10_000, to_ms))
        assert answer is not None
        return answer


async def open_player(lesson: Lesson, name: str) -> Player:
    return Player(lesson, await lesson.makeup.watch(lesson.recording_id, lesson.actors[name]))


async def watch_all(lesson: Lesson, name: str) -> HeartbeatAnswer:
    return await (await open_player(lesson, name)).play(0, LESSON_MS)


def refused(code: ErrorCode) -> pytest.RaisesExc[AppError]:
    return pytest.RaisesExc(AppError, check=lambda error: error.code is code)


async def credited_events(lesson: Lesson) -> int:
    return sum(event.type == "makeup_credited" for event in await lesson.log.read(lesson.meeting_id))


@on_both_databases
async def test_a_whole_short_lesson_closes_the_task_once(lesson: Lesson) -> None:
    (task,) = await lesson.makeup.tasks_of(lesson.member_id("away"), lesson.clock.now_ms())
    assert (task.state, task.required_ms, task.duration_ms) == ("open", 57_000, LESSON_MS)
    answer = await watch_all(lesson, "away")
    assert answer.coverage.done
    assert answer.task is not None
    assert (answer.task.state, answer.task.credited_ms) == ("done", LESSON_MS)
    assert await lesson.makeup.tasks_of(lesson.member_id("away"), lesson.clock.now_ms()) == ()
    assert [t.state for t in await lesson.makeup.all_tasks_of(lesson.member_id("away"))] == ["done"]
    await watch_all(lesson, "away")
    assert await credited_events(lesson) == 1
    entry = await lesson.record.entry(await lesson.record.assemble(lesson.meeting_id), lesson.actors["host"])
    row = next(row for row in entry.attendance if row.name == "同志away")
    assert (row.state.value, row.makeup_done_ms) == ("absent", answer.task.done_ms)


async def test_only_what_played_is_credited(lesson: Lesson) -> None:
    player = await open_player(lesson, "away")
    await player.play(0, 20_000)
    answer = await player.play(40_000, 60_000)
    assert [(i.start_ms, i.end_ms) for i in answer.coverage.credited] == [(0, 20_000), (40_000, 60_000)]
    assert not answer.coverage.done
    answer = await player.play(20_000, 40_000)
    assert [(i.start_ms, i.end_ms) for i in answer.coverage.credited] == [(0, LESSON_MS)]
    assert await credited_events(lesson) == 1


@on_both_databases
async def test_credit_adds_up_over_sessions_and_is_stored_merged(lesson: Lesson) -> None:
    await (await open_player(lesson, "away")).play(0, 30_000)
    await (await open_player(lesson, "away")).play(20_000, 50_000)
    async with lesson.db.session() as session:
        rows = (await session.execute(select(WatchInterval.start_ms, WatchInterval.end_ms))).all()
    assert [tuple(row) for row in rows] == [(0, 50_000)]
    replay = await lesson.makeup.replay(lesson.recording_id, lesson.actors["away"])
    assert (replay.coverage.credited_ms, replay.resume_at_ms) == (50_000, 50_000)


async def test_a_jump_to_the_end_earns_seconds_not_the_lesson(lesson: Lesson) -> None:
    player = await open_player(lesson, "away")
    answer = await player.beat(0, LESSON_MS, wait_ms=1000, reason="end")
    assert (answer.coverage.credited_ms, answer.refused_reason) == (4_100, "too_fast")


async def test_every_heartbeat_is_kept_as_evidence(lesson: Lesson) -> None:
    player = await open_player(lesson, "away")
    await player.beat(0, 10_000)
    await player.beat(10_000, 20_000, visible=False)
    async with lesson.db.session() as session:
        beats = (await session.execute(select(WatchBeat).order_by(WatchBeat.seq))).scalars().all()
    assert [(beat.refused_ms, beat.refused_reason) for beat in beats] == [(0, None), (10_000, "hidden")]
    assert "nonce" not in beats[0].body


async def test_a_lost_answer_breaks_no_chain_and_earns_nothing_twice(lesson: Lesson) -> None:
    player = await open_player(lesson, "away")
    first = player.nonce
    await player.beat(0, 10_000)
    player.nonce, player.seq = first, 0  # the answer never arrived: the same heartbeat goes out again
    again = await player.beat(0, 10_000, wait_ms=10)
    assert again.coverage.credited_ms == 10_000
    assert (await player.beat(10_000, 20_000)).coverage.credited_ms == 20_000
    async with lesson.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(WatchBeat)) == 2


async def test_old_and_foreign_nonces_end_the_session(lesson: Lesson) -> None:
    player = await open_player(lesson, "away")
    first = player.nonce
    await player.beat(0, 10_000)
    await player.beat(10_000, 20_000)
    player.nonce = first
    with refused(ErrorCode.WATCH_SESSION_OVER):
        await player.beat(20_000, 30_000)
    with refused(ErrorCode.WATCH_SESSION_OVER):
        await Player(lesson, WatchSession.model_construct(session_id=new_id(), nonce="x")).beat(0, 1)


async def test_an_idle_session_is_over(lesson: Lesson) -> None:
    player = await open_player(lesson, "away")
    with refused(ErrorCode.WATCH_SESSION_OVER):
        await player.beat(0, 10_000, wait_ms=3 * 60 * MINUTE_MS)


@on_both_databases
async def test_two_windows_earn_no_more_than_one(lesson: Lesson) -> None:
    one, two = await open_player(lesson, "away"), await open_player(lesson, "away")
    await asyncio.gather(one.beat(0, 10_000, wait_ms=5_000), two.beat(30_000, 40_000, wait_ms=5_000))
    async with lesson.db.session() as session:
        rows = (await session.execute(select(WatchInterval.start_ms, WatchInterval.end_ms))).all()
    assert sum(end - start for start, end in rows) <= 10_000 * 1.1 + 3_000


async def test_watching_without_a_task_is_welcome(lesson: Lesson) -> None:
    answer = await watch_all(lesson, "here")
    assert (answer.task, answer.coverage.done) == (None, True)
    assert await credited_events(lesson) == 0


async def test_strangers_cannot_watch(lesson: Lesson) -> None:
    for call in (lesson.makeup.watch, lesson.makeup.replay, lesson.makeup.check_right):
        with refused(ErrorCode.FORBIDDEN):
            await call(lesson.recording_id, lesson.actors["neighbour"])
        with refused(ErrorCode.NOT_FOUND):
            await call("0" * 32, lesson.actors["away"])


async def test_a_running_recording_earns_nothing_yet(lesson: Lesson) -> None:
    async with lesson.db.session() as session:
        (await session.get_one(Recording, lesson.recording_id)).state = "recording"
    with refused(ErrorCode.RECORDING_NOT_READY):
        await open_player(lesson, "away")
    assert (await lesson.makeup.replay(lesson.recording_id, lesson.actors["away"])).live


async def test_the_replay_page(lesson: Lesson) -> None:
    replay = await lesson.makeup.replay(lesson.recording_id, lesson.actors["away"])
    assert replay.playlist_url == f"/api/recordings/{lesson.recording_id}/hls/index.m3u8"
    assert [(c.title, c.start_ms, c.end_ms) for c in replay.chapters] == [("传达文件", 5000, LESSON_MS)]
    assert [(r.name, r.at_ms - replay.origin_ms) for r in replay.remarks] == [("同志here", 9000)]
    assert (replay.live, replay.duration_ms, replay.rule.share_percent) == (False, LESSON_MS, 95)
    assert replay.task is not None
    assert replay.watermark.startswith("同志away ")
    assert replay.meeting.primary == "make_up"


async def test_the_organisation_sets_the_rule(lesson: Lesson) -> None:
    async with lesson.db.session() as session:
        organisation = await session.get_one(Organisation, lesson.branch.id)
        organisation.settings = {"watch_rule": {"share_percent": 50, "max_rate": 1.0}}
    player = await open_player(lesson, "away")
    assert (await player.beat(0, 15_000, wait_ms=10_000, rate=1.5)).refused_reason == "rate"
    answer = await player.play(0, 30_000)
    assert answer.task is not None
    assert answer.task.state == "done"


async def test_overdue_tasks_say_so_and_can_still_be_done(lesson: Lesson) -> None:
    lesson.clock.advance(15 * 86_400_000)
    (task,) = await lesson.makeup.tasks_of(lesson.member_id("away"), lesson.clock.now_ms())
    assert task.state == "overdue"
    answer = await watch_all(lesson, "away")
    assert answer.task is not None
    assert answer.task.state == "done"


async def test_a_missed_prompt_takes_credit_back_and_an_answer_closes_the_task(lesson: Lesson) -> None:
    async with lesson.db.session() as session:
        organisation = await session.get_one(Organisation, lesson.branch.id)
        prompts = {"prompt_after_min_ms": 20_000, "prompt_after_max_ms": 20_000}
        organisation.settings = {"watch_rule": prompts}
    player = await open_player(lesson, "away")
    answer = await player.play(0, 20_000)
    assert answer.prompt is not None
    missed = await player.beat(20_000, 20_000, wait_ms=70_000)
    assert (missed.coverage.credited_ms, missed.refused_ms, missed.refused_reason) == (0, 20_000, "prompt")
    answer = await player.play(0, 20_000)
    assert answer.prompt is not None
    answer = await player.beat(20_000, 30_000, prompt_id=answer.prompt.prompt_id, reason="prompt")
    answer = await player.play(30_000, LESSON_MS)
    assert answer.prompt is not None  # the end is reached with a prompt open: it must be answered first
    assert answer.task is not None
    assert answer.task.state == "open"
    answer = await player.beat(LESSON_MS, LESSON_MS, prompt_id=answer.prompt.prompt_id, wait_ms=1000, reason="prompt")
    assert answer.task is not None
    assert answer.task.state == "done"


@on_both_databases
async def test_a_prompt_left_open_by_closing_the_page_is_settled_at_the_next_visit(lesson: Lesson) -> None:
    async with lesson.db.session() as session:
        organisation = await session.get_one(Organisation, lesson.branch.id)
        organisation.settings = {"watch_rule": {"prompt_after_min_ms": 20_000, "prompt_after_max_ms": 20_000}}
    player = await open_player(lesson, "away")
    assert (await player.play(0, 20_000)).prompt is not None
    lesson.clock.advance(10 * MINUTE_MS)
    session_info = await lesson.makeup.watch(lesson.recording_id, lesson.actors["away"])
    assert session_info.coverage.credited_ms == 0


async def test_meetings_that_are_not_recorded_leave_no_task(lesson: Lesson) -> None:
    copy_id = "d" * 32
    async with lesson.db.session() as session:
        meeting = await session.get_one(Meeting, lesson.meeting_id)
        values = {column.key: getattr(meeting, column.key) for column in Meeting.__table__.columns}
        session.add(Meeting(**(values | {"id": copy_id, "record": False})))
    started = {"roll": [], "expected": 0, "expected_voting": 0, "rule": "test"}
    await lesson.log.append(copy_id, "meeting_started", started)
    await lesson.log.append(copy_id, "meeting_ended", {"reason": "host"})
    await lesson.record.assemble(copy_id)
    async with lesson.db.session() as session:
        query = select(func.count()).select_from(MakeupTask).where(MakeupTask.meeting_id == copy_id)
        assert await session.scalar(query) == 0
        await lesson.log.flush(copy_id)
        query = select(func.count()).select_from(LogEvent).where(LogEvent.meeting_id == copy_id)
        assert await session.scalar(query) == 3


async def test_a_flood_of_heartbeats_leaves_no_more_evidence_than_a_person(lesson: Lesson) -> None:
    player = await open_player(lesson, "away")
    for _ in range(BEATS_BURST):
        await player.beat(0, 0)
    with refused(ErrorCode.RATE_LIMITED):
        await player.beat(0, 0)
    async with lesson.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(WatchBeat)) == BEATS_BURST
    lesson.clock.advance(1_000)
    await player.beat(0, 0)
