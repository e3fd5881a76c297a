"""A page of real Chromium that follows a broadcast, by hls.js or natively, and says how far behind the room it is."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from tests.integration.media.browser_page import CHROMIUM, FLAGS
from tests.integration.server_http.conftest import PASSWORD

ROOT = Path(__file__).parents[3]
_HLS = ROOT / "web/node_modules/hls.js/dist/hls.light.min.js"
_LOGIN = """async ([account, password]) => {
  const answer = await fetch('/api/login', {method: 'POST', body: JSON.stringify({account, password}),
    headers: {'Content-Type': 'application/json'}});
  return answer.status;
}"""
_PLAY = """async ([url, natively]) => {
  const video = window.video = document.createElement('video');
  video.muted = true; video.width = 640; document.body.append(video);
  window.errors = []; window.waits = 0; window.lags = [];
  video.addEventListener('waiting', () => window.waits++);
  const text = await (await fetch(url)).text();
  const origin = Date.parse(/PROGRAM-DATE-TIME:(.*)/.exec(text)[1]);
  if (natively) video.src = url;
  else {
    const hls = window.hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => window.errors.push(data.details));
    hls.loadSource(url); hls.attachMedia(video);
  }
  // The program's second 0 is the playlist's first date; pictures of a program lie where they lay in the room.
  setInterval(() => { if (!video.paused && video.currentTime > 0)
    window.lags.push((Date.now() - origin) / 1000 - video.currentTime); }, 100);
  await video.play();
}"""


class Watcher:
    """One tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def play(self, url: str, *, natively: bool) -> None:
        await self.page.evaluate(_PLAY, [url, natively])

    async def facts(self) -> dict[str, Any]:
        """``lags``: seconds behind the room, ten times a second. ``waits``: how often it had nothing to show."""
        found: dict[str, Any] = await self.page.evaluate(
            "() => { const q = video.getVideoPlaybackQuality(); return {at: video.currentTime, lags: window.lags,"
            " waits: window.waits, errors: window.errors, shown: q.totalVideoFrames, dropped: q.droppedVideoFrames,"
            " width: video.videoWidth, ended: video.ended}; }"
        )
        return found


def furnish(web_dist: Path) -> None:
    """The page's files: the server's policy allows scripts of its own origin only."""
    (web_dist / "assets").mkdir(exist_ok=True)
    shutil.copy(_HLS, web_dist / "assets/hls.js")
    (web_dist / "index.html").write_text(
        "<!doctype html><link rel=icon href=data:,><title>x</title><script src=/assets/hls.js></script>"
    )


@asynccontextmanager
async def watching(url: str, account: str) -> AsyncIterator[Watcher]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = await browser.new_page()
            await page.goto(f"{url}/player")
            assert await page.evaluate(_LOGIN, [account, PASSWORD]) == 200
            yield Watcher(page)
        finally:
            await browser.close()
