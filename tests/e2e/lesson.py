"""Steps that several browser tests share: scheduling, seeing, ending."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.e2e.actors import Actor
from tests.e2e.installation import Installation, until
from tests.e2e.media_probe import inbound_video


async def schedule(home: Installation, secretary: Actor, title: str) -> str:
    """A party lesson of the demonstration's first branch that begins in a minute. Returns the meeting's id."""
    options = await secretary.api("GET", "/api/planning/options")
    branch = next(o for o in options["organisations"] if o["kind"] == "branch")
    options = await secretary.api("GET", f"/api/planning/options?organisation_id={branch['organisation_id']}")
    members = {m["name"]: m["member_id"] for m in options["members"]}
    now_ms = int(time.time() * 1000)
    detail = await secretary.api(
        "POST",
        "/api/meetings",
        {
            "organisation_id": branch["organisation_id"],
            "type": "party_lesson",
            "title": title,
            "start_ms": now_ms + 60_000,
            "end_ms": now_ms + 3_660_000,
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
