"""One lesson on two media workers: everybody sees and hears everybody; a killed worker costs only its own people."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.e2e.actors import Actor, cast
from tests.e2e.conftest import FLOOR_HZ, OUTPUT, TONES_HZ
from tests.e2e.installation import Installation, installation, until
from tests.e2e.lesson import end_lesson, more_is_recorded, schedule, sees
from tests.e2e.media_files import MediaFiles
from tests.e2e.media_probe import mapped_port, spectrum
from tests.e2e.recording_check import decode_recording
from tests.e2e.stream_watch import Watch
from tests.machine_load import programs_per_core

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WORKER_PORT = """async () => {
  const stats = await window.__huitang.pc.getStats(); let port = 0;
  stats.forEach(s => { if (s.type === 'transport' && s.selectedCandidatePairId)
    port = stats.get(stats.get(s.selectedCandidatePairId).remoteCandidateId).port; });
  return port;
}"""
MAX_GAP_MS = 700  # the watch samples every 200 ms, on a machine that has just started a process


async def worker_port(actor: Actor) -> int:
    """Which worker carries this page's media."""
    return int(await actor.page.evaluate(WORKER_PORT))


async def hears(actor: Actor, tone_hz: float) -> bool:
    levels = await spectrum(actor.page, [tone_hz, FLOOR_HZ])
    return levels[tone_hz] > levels[FLOOR_HZ] + 15


async def enter_all(home: Installation, people: dict[str, Actor]) -> str:
    """One after the other, so that it is known who comes to which worker."""
    for name, actor in people.items():
        await actor.log_in(home.logins[name])
    meeting_id = await schedule(home, people["host"], "党课：两个媒体进程")
    for actor in people.values():
        await actor.enter(meeting_id)
        await until(f"{actor.name} is connected", partial(mapped_port, actor.page), 20)
    await people["host"].start_meeting()
    return meeting_id


async def test_a_room_on_two_workers_survives_the_death_of_either(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    files: dict[str, MediaFiles | None] = {name: media_files[name] for name in ("host", "member", "secretary")}
    async with (
        installation(tmp_path / "data", MEDIA_WORKERS="2", MEDIA_SPREAD_AT="2") as home,
        cast(playwright, home.url, files) as people,
    ):
        try:
            watches = {name: await Watch.begin(actor.page) for name, actor in people.items()}
            meeting_id = await enter_all(home, people)
            ports = {name: await worker_port(actor) for name, actor in people.items()}
            assert ports["host"] == ports["member"] != ports["secretary"], ports
            for actor in people.values():
                await until(f"{actor.name} sees both others", partial(sees, actor, 2), 30)
            await until("across the workers", partial(hears, people["secretary"], TONES_HZ["host"]), 20)
            await until("and back", partial(hears, people["host"], TONES_HZ["secretary"]), 20)

            await kill_while_others_go_on(home, people, watches, "media-1", "secretary")
            for actor in people.values():
                await until(f"{actor.name} sees both others again", partial(sees, actor, 2), 30)
            recording_id, _ = await end_lesson(people["host"], meeting_id)
            replay = await people["host"].api("GET", f"/api/recordings/{recording_id}")
            found = decode_recording(home.recording(recording_id) / "index.m3u8")
            assert abs(found.duration_ms - replay["duration_ms"]) < 1000
            assert not found.holes(replay["gaps"], 2500), "a gap that nobody declared"
        except BaseException:
            for actor in people.values():
                await actor.keep_evidence(OUTPUT / "failure")
            raise


async def kill_while_others_go_on(
    home: Installation, people: dict[str, Actor], watches: dict[str, Watch], worker: str, moved: str
) -> None:
    """The others' pictures of each other do not stop; who sat there is back within seconds."""
    killed_ms = time.time() * 1000
    await home.kill(worker)
    await until(f"{moved} sees the others again", partial(sees, people[moved], 2), 30)
    print(f"{worker} killed: {moved} sees again after {time.time() - killed_ms / 1000:.1f} s")
    for name, watch in watches.items():
        if name == moved:
            continue
        await watch.fetch()
        during = watch.stretch(killed_ms - 500, time.time() * 1000)
        print(f"{name} meanwhile: {during.report()}")
        assert {moment.connection for moment in watch.moments} == {1}, "nobody else made a new connection"
        assert during.longest_gap_ms < MAX_GAP_MS * programs_per_core()


async def test_a_killed_primary_hands_the_room_over(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles]
) -> None:
    files: dict[str, MediaFiles | None] = {name: media_files[name] for name in ("host", "member", "secretary")}
    async with (
        installation(tmp_path / "data", MEDIA_WORKERS="2", MEDIA_SPREAD_AT="1") as home,
        cast(playwright, home.url, files) as people,
    ):
        try:
            meeting_id = await enter_all(home, people)
            for actor in people.values():
                await until(f"{actor.name} sees both others", partial(sees, actor, 2), 30)
            await more_is_recorded(home)
            killed_s = time.time()
            await home.kill("media-0")
            for actor in people.values():
                await until(f"{actor.name} sees both others again", partial(sees, actor, 2), 30)
            print(f"media-0 (primary) killed: all see all after {time.time() - killed_s:.1f} s")
            await more_is_recorded(home)
            recording_id, _ = await end_lesson(people["host"], meeting_id)
            replay = await people["host"].api("GET", f"/api/recordings/{recording_id}")
            print(f"gaps: {replay['gaps']} of {replay['duration_ms']} ms")
            found = decode_recording(home.recording(recording_id) / "index.m3u8")
            assert abs(found.duration_ms - replay["duration_ms"]) < 1000
            assert not found.holes(replay["gaps"], 2500), "a gap that nobody declared"
        except BaseException:
            for actor in people.values():
                await actor.keep_evidence(OUTPUT / "failure")
            raise
