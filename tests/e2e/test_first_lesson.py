"""The first whole lesson in real browsers: scheduled, held, cut and moved, replayed, credited, signed, exported."""

from __future__ import annotations

import asyncio
import io
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.actors import PATIENCE_MS, Actor, launch, shoot
from tests.e2e.conftest import FLOOR_HZ, OUTPUT, TONES_HZ
from tests.e2e.installation import Installation, installation, until
from tests.e2e.lesson import end_lesson, schedule, sees
from tests.e2e.media_files import MediaFiles
from tests.e2e.media_probe import codecs, frames_decoded, mapped_port, record_source, spectrum
from tests.e2e.recording_check import decode_file, decode_recording
from tests.e2e.verify import run_verify
from tests.netsim.tcp_cut import TcpCut
from tests.netsim.udp_relay import UdpRelay
from tests.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

LESSON_S = 60
SOURCE_S = 13.0
MAX_LAG_MS = 150
MAX_STILL_MS = 1500  # a switch of the program waits for a key frame; anything longer must be a declared gap
TITLE = "党课：第一堂完整的课"
REMARKS = {"member": "我在线路上也听得很清楚。", "secretary": "请大家会后把学习体会交给党小组。"}


@dataclass
class Stage:
    """The installation with its simulators and its four people."""

    home: Installation
    relay: UdpRelay
    cut: TcpCut
    people: dict[str, Actor]


@asynccontextmanager
async def lesson_stage(playwright: Playwright, folder: Path, files: dict[str, MediaFiles]) -> AsyncIterator[Stage]:
    """The member's signaling goes through ``cut``, all media through ``relay``; the administrator stays away."""
    relay = await UdpRelay.start()
    media_port = free_port(socket.SOCK_DGRAM)
    relay.worker = ("127.0.0.1", media_port)
    advertise = f"{relay.address[0]}:{relay.address[1]}"
    async with installation(folder, MEDIA_PORT=str(media_port), MEDIA_ADVERTISE=advertise) as home:
        cut = await TcpCut.start("127.0.0.1", home.port)
        urls = dict.fromkeys(("host", "secretary", "administrator"), home.url)
        urls["member"] = f"http://127.0.0.1:{cut.port}"
        people = {name: await launch(playwright, name, url, files.get(name)) for name, url in urls.items()}
        try:
            for name, actor in people.items():
                await actor.log_in(home.logins[name])
            yield Stage(home, relay, cut, people)
        except BaseException:
            for actor in people.values():
                await actor.keep_evidence(OUTPUT / "failure")
            raise
        finally:
            for actor in people.values():
                await actor.close()
            await cut.close()
            await relay.close()


async def test_first_whole_lesson(
    playwright: Playwright, tmp_path: Path, media_files: dict[str, MediaFiles], screenshots: Path
) -> None:
    async with lesson_stage(playwright, tmp_path / "data", media_files) as stage:
        meeting_id = await schedule(stage.home, stage.people["secretary"], TITLE)
        source = await hold(stage, meeting_id, screenshots)
        recording_id, entry_id = await end_lesson(stage.people["host"], meeting_id)
        await check_recording(stage, recording_id, source, await lesson_ms(stage.people["host"], entry_id))
        await make_up(stage, recording_id, screenshots)
        await sign_and_export(stage, meeting_id, entry_id, screenshots)
        verify(stage.home, meeting_id, recording_id)
        foreign = {name: actor.foreign_requests for name, actor in stage.people.items() if actor.foreign_requests}
        assert not foreign, "no page asks a foreign host for anything"


async def hold(stage: Stage, meeting_id: str, screenshots: Path) -> tuple[float, bytes]:
    """60 s of lesson. Returns what ``record_source`` saw of the host's own camera and microphone."""
    host, member, secretary = (stage.people[name] for name in ("host", "member", "secretary"))
    await host.enter(meeting_id)
    await asyncio.gather(member.enter(meeting_id), secretary.enter(meeting_id))
    await host.start_meeting()
    began_s = time.monotonic()
    await expect(member.see("recording-badge")).to_be_visible(timeout=PATIENCE_MS)
    await asyncio.gather(*(actor.sign_in() for actor in (host, member, secretary)))
    for actor in (host, member, secretary):
        await until(f"{actor.name} decodes two pictures", partial(sees, actor, 2), 30)
        await hears_the_others(actor)
        used = await codecs(actor.page)
        assert used["outbound-rtp video"] == "video/H264", used
    await host.show_panel("agenda")
    await host.see("agenda-next").click()
    await member.remark(REMARKS["member"])
    await pin_host(host)
    source = await record_source(host.page, SOURCE_S)
    await shoot(host, screenshots, "room-host")
    await cut_signaling(stage, member)
    await move_network(stage, secretary)
    await secretary.remark(REMARKS["secretary"])
    await host.show_panel("agenda")
    await host.see("agenda-next").click()
    await asyncio.sleep(max(0.0, LESSON_S - (time.monotonic() - began_s)))
    for actor in (host, member, secretary):
        assert await sees(actor, 2)
    return source


async def hears_the_others(actor: Actor) -> None:
    others = {name: tone for name, tone in TONES_HZ.items() if name != actor.name}
    own = TONES_HZ[actor.name]

    async def heard() -> bool:
        levels = await spectrum(actor.page, [*others.values(), own, FLOOR_HZ])
        floor = max(levels[FLOOR_HZ], -110.0)
        return bool(all(levels[tone] > max(floor + 20, levels[own]) for tone in others.values()))

    await until(f"{actor.name} hears the tones of {', '.join(others)} and not the own one", heard, 30)


async def pin_host(host: Actor) -> None:
    """The lecturer's picture is the stage, so the recording shows one source without a switch."""
    me = await host.participant_id()
    await host.show_panel("people")
    await host.see(f"person-{me}").get_by_role("button").click()
    await host.see("menu-pin").click()


async def cut_signaling(stage: Stage, member: Actor) -> None:
    """Signaling is away for some seconds: pictures go on, the page says so, and nothing is lost or doubled."""
    stage.cut.cut()
    await expect(member.see("banner").first).to_be_visible(timeout=PATIENCE_MS)
    assert await sees(member, 2), "pictures go on without signaling"
    host = stage.people["host"]
    await host.remark("信号中断时的一条发言")
    stage.cut.mend()
    await member.show_panel("remarks")
    missed = member.see("remarks").get_by_text("信号中断时的一条发言")
    await expect(missed).to_have_count(1, timeout=PATIENCE_MS)


async def move_network(stage: Stage, actor: Actor) -> None:
    """The worker suddenly sees this person from another address: the seat stays and media comes back."""
    client = stage.relay.client_behind(await mapped_port(actor.page))
    lost = stage.relay.swallowed
    stage.relay.blackhole(client, on=True)
    await until(f"{actor.name} has lost much", lambda: stage.relay.swallowed > lost + 300)
    await stage.relay.move(client)
    stage.relay.blackhole(client, on=False)
    before = await frames_decoded(actor.page)

    async def back() -> bool:
        return await frames_decoded(actor.page) > before + 10

    await until(f"{actor.name} has pictures again after the network moved", back, 20)
    host = stage.people["host"]
    await until("the host sees two people again", lambda: sees(host, 2), 20)


async def lesson_ms(host: Actor, entry_id: str) -> float:
    """From ``meeting_started`` to ``meeting_ended`` by the meeting's own log."""
    proof = await host.api("GET", f"/api/ledger/{entry_id}/proof.json")
    at_ms = {event["type"]: event["at_ms"] for event in proof["events"]}
    return float(at_ms["meeting_ended"] - at_ms["meeting_started"])


async def check_recording(stage: Stage, recording_id: str, source: tuple[float, bytes], length_ms: float) -> None:
    """Decoded as a whole: duration within 1 s of the lesson, sync within 150 ms, no undeclared gap."""
    playlist = stage.home.recording(recording_id) / "index.m3u8"
    found = decode_recording(playlist)
    print(f"recording: {found.duration_ms:.0f} of {length_ms:.0f} ms, {len(found.video_ms)} frames, {found.sizes}")
    assert abs(found.duration_ms - length_ms) <= 1000
    for tone in TONES_HZ.values():
        assert found.level_db(tone) > found.level_db(FLOOR_HZ) + 20, f"the tone {tone} Hz is in the mix"
    # The fake camera steps through its file by frames, the microphone by time: their offset drifts when the machine is
    # busy, so both sides are compared over the same seconds.
    replay = await stage.people["host"].api("GET", f"/api/recordings/{recording_id}")
    began_ms = source[0] - replay["origin_ms"]
    own_lag = decode_file(source[1]).lag_ms()
    lag = found.lag_ms(began_ms, began_ms + SOURCE_S * 1000) - own_lag
    print(f"recording: sound {lag:.0f} ms after the picture, {own_lag:.0f} ms in the page that sent it")
    assert abs(lag) <= MAX_LAG_MS, f"sound is {lag:.0f} ms after the picture"
    longest = max(b - a for a, b in zip(found.video_ms, found.video_ms[1:], strict=False))
    print(f"recording: longest time without a new picture {longest:.0f} ms, declared gaps {replay['gaps']}")
    assert not found.holes(replay["gaps"], MAX_STILL_MS), "a gap that nobody declared"


async def make_up(stage: Stage, recording_id: str, screenshots: Path) -> None:
    """The absent administrator replays: seeks over a part, and is credited for what played and nothing else."""
    absent = stage.people["administrator"]
    await absent.open(f"/replay/{recording_id}")
    await absent.see("start").click(timeout=PATIENCE_MS)
    await until("the replay plays", lambda: position_s(absent, 3), 30)
    await absent.page.evaluate("document.querySelector('video').currentTime = 30")
    await until("the replay plays on after the seek", lambda: position_s(absent, 36), 40)
    await absent.page.evaluate("document.querySelector('video').pause()")
    await shoot(absent, screenshots, "replay")

    async def credited() -> dict[str, Any] | None:
        coverage: dict[str, Any] = (await absent.api("GET", f"/api/recordings/{recording_id}"))["coverage"]
        return coverage if coverage["credited_ms"] >= 8000 else None

    coverage = await until("some seconds are credited", credited, 20)
    assert coverage["credited_ms"] < 16_000, coverage
    assert not any(i["start_ms"] < 20_000 < i["end_ms"] for i in coverage["credited"]), "what was skipped is a hole"
    assert not coverage["done"]


async def position_s(actor: Actor, at_least: float) -> bool:
    seconds: float = await actor.page.evaluate("document.querySelector('video')?.currentTime ?? 0")
    return seconds >= at_least


async def sign_and_export(stage: Stage, meeting_id: str, entry_id: str, screenshots: Path) -> None:
    """Recorder, then host sign with their passwords; both exports hold this very lesson."""
    for name in ("secretary", "host"):
        await stage.people[name].sign_entry(entry_id, stage.home.logins[name]["password"])
    host = stage.people["host"]
    await host.open(f"/ledger/{entry_id}")
    await expect(host.page.get_by_text(REMARKS["member"]).first).to_be_visible(timeout=PATIENCE_MS)
    await shoot(host, screenshots, "ledger-entry")
    entry = await host.api("GET", f"/api/ledger/{entry_id}")
    assert entry["row"]["state"] == "archived"
    present = {row["name"] for row in entry["attendance"] if row["state"] == "present"}
    assert {stage.home.logins[name]["name"] for name in ("host", "member", "secretary")} == present
    sheet = openpyxl.load_workbook(io.BytesIO(await download(host, f"/api/ledger/{entry_id}/sign-in-sheet.xlsx")))
    cells = {str(cell.value) for row in sheet.worksheets[0].iter_rows() for cell in row if cell.value is not None}
    assert {row["name"] for row in entry["attendance"]} <= cells
    minutes = docx.Document(io.BytesIO(await download(host, f"/api/ledger/{entry_id}/minutes.docx")))
    text = "\n".join(
        [p.text for p in minutes.paragraphs] + [c.text for t in minutes.tables for r in t.rows for c in r.cells]
    )
    for remark in REMARKS.values():
        assert remark in text
    footers = "\n".join(p.text for section in minutes.sections for p in section.footer.paragraphs)
    assert entry["proof"]["check_code"] in footers


async def download(actor: Actor, path: str) -> bytes:
    answer = await actor.context.request.get(actor.url + path)
    assert answer.ok, f"{path}: {answer.status}"
    return await answer.body()


def verify(home: Installation, meeting_id: str, recording_id: str) -> None:
    """The chain verifies; with one flipped bit in a stored segment it does not."""
    whole = run_verify(home, meeting_id)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    victim = home.recording(recording_id) / "000001.m4s"
    body = bytearray(victim.read_bytes())
    body[len(body) // 2] ^= 1
    victim.write_bytes(body)
    assert run_verify(home, meeting_id).returncode == 1
