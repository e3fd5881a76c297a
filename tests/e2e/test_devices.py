"""A camera that is pulled out in the middle of a lesson, and a screen that is shared for a while."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.actors import PATIENCE_MS
from tests.e2e.installation import until
from tests.e2e.lesson import end_lesson, running_lesson, sees
from tests.e2e.media_files import MediaFiles
from tests.e2e.media_probe import inbound_video
from tests.e2e.recording_check import decode_recording

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# Longer than a recorder would believe in a silent screen, were it not told that the screen is gone.
AFTER_SHARE_MS = 10_000
# Chromium has no way to unplug a fake device; the event is what the page gets when a real one goes.
PULL_CAMERA = """() => window.__huitang.pc.getSenders().map(s => s.track).filter(t => t && t.kind === 'video')
  .forEach(t => { t.stop(); t.dispatchEvent(new Event('ended')); })"""


async def test_a_pulled_camera_is_said_and_can_be_switched_on_again(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    async with running_lesson(playwright, tmp_path / "data", media_files, "党课：摄像头被拔掉") as lesson:
        host, member = lesson.host, lesson.member
        await member.page.evaluate(PULL_CAMERA)
        said = member.page.get_by_text("摄像头已断开，请检查设备后重新打开。").first
        await expect(said).to_be_visible(timeout=PATIENCE_MS)
        assert await sees(member, 1), "nobody else is disturbed"
        await member.see("toggle-camera").click()
        await until("the host sees the member again", partial(sees, host, 1), 30)


async def test_a_shared_screen_is_seen_and_its_end_does_not_freeze_the_recording(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    async with running_lesson(playwright, tmp_path / "data", media_files, "党课：共享屏幕") as lesson:
        host, member = lesson.host, lesson.member
        await host.see("toggle-screen").click()

        async def sees_screen() -> bool:
            return any(row["width"] > 1000 and row["frames"] > 20 for row in await inbound_video(member.page))

        await until("the member sees the screen", sees_screen, 30)
        await host.see("toggle-screen").click()
        shared = host.see("toggle-screen")
        await expect(shared).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)
        await member.remark("共享已经结束")
        await host.page.wait_for_timeout(AFTER_SHARE_MS)
        recording_id, _ = await end_lesson(host, lesson.meeting_id)
        found = decode_recording(lesson.home.recording(recording_id) / "index.m3u8")
        assert max(width for width, _ in found.sizes) > 1000, "the screen is in the recording"
        assert not found.holes([], 1500), "the picture stood still after the screen was gone"
