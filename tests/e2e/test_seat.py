"""A seat outlives its network, its computer's sleep and its signaling: the same person comes back to it by himself."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.e2e import weak_runs
from tests.e2e.browser_process import asleep
from tests.e2e.conftest import TONES_HZ
from tests.e2e.installation import until
from tests.e2e.lesson import end_lesson
from tests.e2e.weak_media import make_cameras
from tests.e2e.weak_stage import WeakStage, now_ms, weak_stage
from tests.machine_load import programs_per_core
from tests.netsim.profiles import BLACKHOLE, PROFILES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

SWITCHES = 5  # a hundred in `make soak`
SLEEP_S = 26.0  # beyond what is allowed on the busiest machine
UNSTABLE_S, AWAY_S = 6.0, 15.0
SLACK_S = 3.0  # sweeps once a second, pings every five; more on a loaded machine
BACK_S = 10.0
PRESENCE = """id => { const all = window.__huitang.room.currentView.snapshot.participants;
  const found = all.find(one => one.participant_id === id); return found ? found.presence : 'gone'; }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeakStage]:
    folder = tmp_path_factory.mktemp("seat")
    cameras = make_cameras(folder / "media", TONES_HZ)
    async with async_playwright() as playwright, weak_stage(playwright, folder / "data", cameras) as running:
        yield running


async def test_the_address_changes_again_and_again(stage: WeakStage) -> None:
    found = [await weak_runs.switch(stage) for _ in range(SWITCHES)]
    seconds = [figures["back_s"] for figures in found]
    print(f"switch: media back after {seconds} s; {json.dumps(found)}")
    assert all(figures["seat_kept"] for figures in found)
    load = programs_per_core()
    assert statistics.median(seconds) <= 1.5 + SLACK_S * load
    assert max(seconds) <= BACK_S * load


async def test_a_sleeping_computer_is_unstable_then_away_and_comes_back(stage: WeakStage) -> None:
    await stage.clear()
    me = await stage.member.participant_id()
    with asleep(stage.mark):
        seen = await presence_changes(stage, me, SLEEP_S)
    print(f"asleep: {seen}")
    assert_noticed(seen)
    await comes_back(stage, me)


async def test_without_any_network_for_a_while_the_same_person_comes_back(stage: WeakStage) -> None:
    await stage.impair(PROFILES["good"])
    me = await stage.member.participant_id()
    await stage.impair(BLACKHOLE)
    stage.signaling.hold()
    seen = await presence_changes(stage, me, SLEEP_S)
    stage.signaling.mend()
    await stage.impair(PROFILES["good"])
    print(f"offline: {seen}")
    assert_noticed(seen)
    await comes_back(stage, me)


async def test_the_attendance_has_no_hole_and_nobody_twice(stage: WeakStage) -> None:
    """Last: it ends the lesson."""
    me = await stage.member.participant_id()
    _, entry_id = await end_lesson(stage.host, stage.meeting_id)
    entry = await stage.host.api("GET", f"/api/ledger/{entry_id}")
    rows = [row for row in entry["attendance"] if row["name"] == stage.home.logins["member"]["name"]]
    print(f"attendance: {json.dumps(rows, ensure_ascii=False)}")
    assert len(rows) == 1
    proof = await stage.host.api("GET", f"/api/ledger/{entry_id}/proof.json")
    seats = {payload["participant_id"] for event in proof["events"] if (payload := joined(event))}
    assert me in seats and len(seats) == 2, "one seat for each of the two"


def joined(event: dict[str, Any]) -> dict[str, Any]:
    if event["type"] != "joined":
        return {}
    payload: dict[str, Any] = json.loads(event["payload"]) if isinstance(event["payload"], str) else event["payload"]
    return payload


async def presence_changes(stage: WeakStage, participant_id: str, seconds: float) -> dict[str, float]:
    """After how many seconds the host saw the member unstable, and away (or gone, which is the same to him)."""
    began_ms = now_ms()
    seen: dict[str, float] = {}
    while now_ms() - began_ms < seconds * 1000:
        presence = await stage.host.page.evaluate(PRESENCE, participant_id)
        name = "away" if presence in ("away", "gone") else presence
        seen.setdefault(name, round((now_ms() - began_ms) / 1000, 1))
        await asyncio.sleep(0.1)
    assert {"unstable", "away"} <= set(seen), seen
    return seen


def assert_noticed(seen: dict[str, float]) -> None:
    slack_s = SLACK_S * programs_per_core()
    assert seen["unstable"] <= UNSTABLE_S + slack_s, seen
    assert seen["away"] <= AWAY_S + slack_s, seen


async def comes_back(stage: WeakStage, participant_id: str) -> None:
    """By himself, as the same participant, seen and seeing."""
    began_ms = now_ms()

    async def is_present() -> bool:
        return bool(await stage.host.page.evaluate(PRESENCE, participant_id) == "present")

    await until("the host sees him present", is_present, 30)
    await stage.clear()
    print(f"back after {(now_ms() - began_ms) / 1000:.1f} s")
    assert await stage.member.participant_id() == participant_id
