"""A camera that is pulled out in the middle of a lesson."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.actors import PATIENCE_MS, launch
from tests.e2e.installation import installation, until
from tests.e2e.lesson import schedule, sees
from tests.e2e.media_files import MediaFiles

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# Chromium has no way to unplug a fake device; the event is what the page gets when a real one goes.
PULL_CAMERA = """() => window.__huitang.pc.getSenders().map(s => s.track).filter(t => t && t.kind === 'video')
  .forEach(t => { t.stop(); t.dispatchEvent(new Event('ended')); })"""


async def test_a_pulled_camera_is_said_and_can_be_switched_on_again(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    async with installation(tmp_path / "data") as home:
        host = await launch(playwright, "host", home.url, media_files["host"])
        member = await launch(playwright, "member", home.url, media_files["member"])
        try:
            await host.log_in(home.logins["host"])
            await member.log_in(home.logins["member"])
            meeting_id = await schedule(home, host, "党课：摄像头被拔掉")
            await host.enter(meeting_id)
            await member.enter(meeting_id)
            await until("the host sees the member", partial(sees, host, 1), 30)
            await member.page.evaluate(PULL_CAMERA)
            await expect(member.page.get_by_text("摄像头已断开，请检查设备后重新打开。").first).to_be_visible(
                timeout=PATIENCE_MS
            )
            assert await sees(member, 1), "nobody else is disturbed"
            await member.see("toggle-camera").click()
            await until("the host sees the member again", partial(sees, host, 1), 30)
        finally:
            await host.close()
            await member.close()
