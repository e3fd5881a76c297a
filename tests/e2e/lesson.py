"""Steps that several browser tests share: scheduling, seeing, ending."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Playwright

from tests.e2e.actors import Actor, launch
from tests.e2e.conftest import OUTPUT
from tests.e2e.installation import Installation, installation, until
from tests.e2e.media_files import MediaFiles
from tests.e2e.media_probe import inbound_video

MORE_BYTES = 500_000  # some seconds of two cameras


@dataclass
class Lesson:
    home: Installation
    host: Actor
    member: Actor
    meeting_id: str


@asynccontextmanager
async def running_lesson(
    playwright: Playwright, folder: Path, files: dict[str, MediaFiles], title: str
) -> AsyncIterator[Lesson]:
    """Host and member see each other in a lesson that is recorded."""
    async with installation(folder) as home:
        host = await launch(playwright, "host", home.url, files["host"])
        member = await launch(playwright, "member", home.url, files["member"])
        try:
            await host.log_in(home.logins["host"])
            await member.log_in(home.logins["member"])
            meeting_id = await schedule(home, host, title)
            await host.enter(meeting_id)
            await member.enter(meeting_id)
            await host.start_meeting()
            for actor in (host, member):
                await until(f"{actor.name} sees the other", partial(sees, actor, 1), 30)
            yield Lesson(home, host, member, meeting_id)
        except BaseException:
            await host.keep_evidence(OUTPUT / "failure")
            await member.keep_evidence(OUTPUT / "failure")
            raise
        finally:
            await host.close()
            await member.close()


async def more_is_recorded(home: Installation) -> None:
    """Until the recorder's journal holds half a megabyte more than now."""

    def journalled() -> int:
        return sum(path.stat().st_size for path in (home.data_dir / "spool").rglob("*journal*") if path.is_file())

    before = journalled()
    await until("more in the journal", lambda: journalled() > before + MORE_BYTES, 30)


async def schedule(home: Installation, secretary: Actor, title: str, start_ms: int | None = None) -> str:
    """A party lesson of an hour in the demonstration's first branch, in a minute or later. Returns the meeting's id."""
    options = await secretary.api("GET", "/api/planning/options")
    branch = next(o for o in options["organisations"] if o["kind"] == "branch")
    options = await secretary.api("GET", f"/api/planning/options?organisation_id={branch['organisation_id']}")
    members = {m["name"]: m["member_id"] for m in options["members"]}
    start_ms = start_ms or int(time.time() * 1000) + 60_000
    detail = await secretary.api(
        "POST",
        "/api/meetings",
        {
            "organisation_id": branch["organisation_id"],
            "type": "party_lesson",
            "title": title,
            "start_ms": start_ms,
            "end_ms": start_ms + 3_600_000,
            "host_member_id": members[home.logins["host"]["name"]],
            "recorder_member_id": members[home.logins["secretary"]["name"]],
            "lecturer_member_id": members[home.logins["host"]["name"]],
            "agenda": [{"title": "集体学习", "planned_minutes": 20}, {"title": "交流讨论", "planned_minutes": 10}],
            "not_classified": True,
        },
    )
    return str(detail["summary"]["meeting_id"])


async def sees(actor: Actor, people: int) -> bool:
    """At least so many slots are decoding now."""
    before = {row["mid"]: row["frames"] for row in await inbound_video(actor.page)}
    await asyncio.sleep(0.5)
    after = {row["mid"]: row["frames"] for row in await inbound_video(actor.page)}
    return sum(1 for mid in after if after[mid] > before.get(mid, 0)) >= people


async def end_lesson(host: Actor, meeting_id: str) -> tuple[str, str]:
    """The host ends; the replay is there within seconds. Returns (recording id, ledger entry id)."""
    await host.end_meeting()

    async def finished() -> dict[str, Any] | None:
        detail: dict[str, Any] = await host.api("GET", f"/api/meetings/{meeting_id}")
        return detail if detail["recording"]["state"] == "finished" and detail["ledger_entry_id"] else None

    detail = await until("recording finished and ledger entry assembled", finished, 20)
    return str(detail["recording"]["recording_id"]), str(detail["ledger_entry_id"])
