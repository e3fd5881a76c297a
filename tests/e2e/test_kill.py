"""SIGKILL of the server, the recorder, the media worker in a running lesson, five times each."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.actors import PATIENCE_MS, Actor
from tests.e2e.installation import installation, until
from tests.e2e.lesson import end_lesson, more_is_recorded, running_lesson, sees
from tests.e2e.media_files import MediaFiles
from tests.e2e.media_probe import frames_decoded
from tests.e2e.recording_check import decode_recording
from tests.e2e.verify import run_verify

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ROUNDS = 5


async def signaling_is_up(actor: Actor) -> bool:
    state: str | None = await actor.see("room").get_attribute("data-signaling")
    return state == "connected"


async def test_killed_server_leaves_pictures_running_and_loses_no_remark(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    async with running_lesson(playwright, tmp_path / "data", media_files, "党课：经得起中断") as lesson:
        said: list[str] = []
        for number in range(ROUNDS):
            said.append(f"第{number + 1}次中断前的发言")
            await lesson.member.remark(said[-1])
            old = await lesson.home.kill("server")
            began = time.monotonic()
            assert await sees(lesson.member, 1), "pictures go on while the server is away"
            await until("a new server process", partial(lesson.home.is_replaced, "server", old), 10)
            for actor in (lesson.host, lesson.member):
                await until(f"{actor.name} is back on signaling", partial(signaling_is_up, actor), 20)
            print(f"server kill {number + 1}: back on signaling after {time.monotonic() - began:.1f} s")
            await until("pictures still run", partial(sees, lesson.member, 1), 5)
        await lesson.host.show_panel("remarks")
        for text in said:
            for actor in (lesson.host, lesson.member):
                found = actor.see("remarks").get_by_text(text)
                await expect(found).to_have_count(1, timeout=PATIENCE_MS)
        await end_lesson(lesson.host, lesson.meeting_id)
        whole = run_verify(lesson.home, lesson.meeting_id)
        assert whole.returncode == 0, whole.stdout


async def test_killed_recorder_loses_at_most_two_seconds(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    async with running_lesson(playwright, tmp_path / "data", media_files, "党课：经得起中断") as lesson:
        for _ in range(ROUNDS):
            await more_is_recorded(lesson.home)  # something to lose
            old = await lesson.home.kill("recorder-0")
            await until("a new recorder", partial(lesson.home.is_replaced, "recorder-0", old), 10)
            assert await sees(lesson.member, 1), "the lesson goes on without the recorder"
        await more_is_recorded(lesson.home)
        recording_id, _ = await end_lesson(lesson.host, lesson.meeting_id)
        replay = await lesson.host.api("GET", f"/api/recordings/{recording_id}")
        lost = [gap["end_ms"] - gap["start_ms"] for gap in replay["gaps"]]
        print(f"recorder kills: gaps {lost} ms in {replay['duration_ms']} ms")
        assert all(gap <= 2000 for gap in lost)
        found = decode_recording(lesson.home.recording(recording_id) / "index.m3u8")
        assert abs(found.duration_ms - replay["duration_ms"]) < 1000
        assert not found.holes(replay["gaps"], 2500), "a gap that nobody declared"


async def test_killed_media_worker_is_replaced_and_media_comes_back(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    async with running_lesson(playwright, tmp_path / "data", media_files, "党课：经得起中断") as lesson:
        for number in range(ROUNDS):
            before = await frames_decoded(lesson.member.page)
            await lesson.home.kill("media-0")
            began = time.monotonic()
            for actor in (lesson.host, lesson.member):
                await until(f"{actor.name} sees the other again", partial(sees, actor, 1), 30)
            print(f"media kill {number + 1}: pictures after {time.monotonic() - began:.1f} s ({before} frames before)")
            await lesson.member.remark(f"媒体恢复第{number + 1}次")
        people = lesson.host.see("people").locator("[data-testid^=person-]")
        await lesson.host.show_panel("people")
        await expect(people).to_have_count(2)
        recording_id, _ = await end_lesson(lesson.host, lesson.meeting_id)
        assert decode_recording(lesson.home.recording(recording_id) / "index.m3u8").video_ms


def test_nothing_is_left_running_after_ctrl_c(tmp_path: Path) -> None:
    """Interrupting the supervisor ends every process of the installation."""

    async def start_and_stop() -> list[int]:
        async with installation(tmp_path / "data") as home:
            pids = [home.pid_of(name) for name in ("server", "media-0", "recorder-0")]
            return [pid for pid in pids if pid is not None]

    pids = asyncio.run(start_and_stop())
    assert len(pids) == 3
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
