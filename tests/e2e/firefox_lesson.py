"""A short lesson of a Chromium host and a Firefox member. Runs inside a network namespace (test_firefox.py enters it).

Firefox gathers no loopback candidates and publishes VP8. ``HOST=0.0.0.0`` makes the supervisor bring up https with its
self-signed certificate, so this is also the way of a phone in the same network.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from recordings.probe import probe
from recordings.stores.open import open_store
from tests.e2e.actors import Actor, launch
from tests.e2e.installation import ROOT, Installation, installation, until
from tests.e2e.lesson import end_lesson, schedule, sees
from tests.e2e.media_files import make_files
from tests.e2e.media_probe import codecs
from tests.netsim.namespace import ADDRESS


class Firefox:
    """The member's browser in a process of its own; ``last`` is its latest report."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.last: dict[str, Any] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, home: Installation, meeting_id: str, screenshot: Path) -> Firefox:
        login = home.logins["member"]
        wanted = {"url": home.url, "meetingId": meeting_id, "screenshot": str(screenshot)}
        wanted |= {key: login[key] for key in ("account", "password")}
        process = await asyncio.create_subprocess_exec(
            "node",
            str(Path(__file__).with_name("firefox_participant.mjs")),
            json.dumps(wanted),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.last = json.loads(line)
            assert "error" not in self.last, self.last

    def decodes(self, frames: int) -> bool:
        """So many pictures and some sound have come in, and VP8 goes out."""
        if self._reader.done():
            self._reader.result()
        inbound = self.last.get("inbound", {})
        return bool(inbound.get("video", 0) >= frames and inbound.get("audio", 0) > 50)

    async def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()
        await asyncio.gather(self._reader, return_exceptions=True)


async def main(folder: Path, screenshot: Path) -> dict[str, Any]:
    files = make_files(folder, "host", 330.0)
    async with (
        async_playwright() as playwright,
        installation(folder / "data", origin=f"https://{ADDRESS}", HOST="0.0.0.0") as home,
    ):
        host = await launch(playwright, "host", home.url, files, extra_flags=("--ignore-certificate-errors",))
        firefox = None
        try:
            await host.log_in(home.logins["host"])
            meeting_id = await schedule(home, host, "党课：火狐浏览器参加")
            await host.enter(meeting_id)
            firefox = await Firefox.start(home, meeting_id, screenshot)
            await host.start_meeting()
            return await _hold(home, host, firefox, meeting_id)
        finally:
            if firefox is not None:
                await firefox.close()
            await host.close()


async def _hold(home: Installation, host: Actor, firefox: Firefox, meeting_id: str) -> dict[str, Any]:
    await until("Chromium decodes Firefox", partial(sees, host, 1), 40)
    await until(f"Firefox decodes Chromium (last: {firefox.last})", lambda: firefox.decodes(60), 40)
    await asyncio.sleep(8)  # enough for segments of the VP8 picture
    used, last = await codecs(host.page), firefox.last
    recording_id, _ = await end_lesson(host, meeting_id)
    # Not FFmpeg's playlist reader: it keeps the first init, and the picture changes between two encoders here.
    store = await open_store(f"file://{home.data_dir}/objects")
    found = await probe(store, recording_id)
    await store.close()
    return {
        "firefox": last,
        "chromium": used,
        "recorded_frames": len(found.frames),
        "recorded_damaged": found.damaged,
        "recorded_gap_s": max(after.time_s - before.time_s for before, after in pairwise(found.frames)),
        "qr_printed": any("█" in line or "▀" in line for line in home.output),
        "output": "".join(home.output),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))))
