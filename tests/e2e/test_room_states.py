"""The room off the straight path: a second device, a weak network, rights taken away, a browser without WebRTC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.actors import PATIENCE_MS, PHONE, Actor, launch, shoot
from tests.e2e.installation import Installation, installation, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PICTURES = "[...document.querySelectorAll('video')].filter(one => one.videoWidth > 0 && !one.paused).length"
ACTIVE = """() => window.__huitang.pc.getSenders().filter(one => one.track && one.track.kind === 'video')
  .flatMap(one => one.getParameters().encodings).map(one => [one.rid, one.active])"""
WANTED = "window.__huitang.room.currentView.videoTracks.size"
SET_HIDDEN = """hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event('visibilitychange')); }"""
# A browser that may only use relays, where there are none: every connection is tried in earnest and fails.
NO_PATH = """() => { const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = function (options) {
    return new Real(window.hasPath ? options : {...options, iceTransportPolicy: 'relay'}); }; }"""
MICROPHONES_OF = """seat => window.__huitang.room.currentView.snapshot.publications
  .some(one => one.participant_id === seat && one.source === 'microphone' && !one.muted)"""
BROADCAST_TIME = "document.querySelector('[data-testid=broadcast-stage] video')?.currentTime ?? 0"


async def enter_first(actor: Actor, home: Installation, role: str) -> str:
    """Logs in and says which meeting is on now."""
    await actor.log_in(home.logins[role])
    return str((await actor.api("GET", "/api/home"))["now"][0]["meeting_id"])


@asynccontextmanager
async def lesson(playwright: Playwright, folder: Path) -> AsyncIterator[tuple[Installation, str, Actor, Actor]]:
    """A host with camera and microphone in a running lesson, and a member with both beside him."""
    async with installation(folder / "data") as home:
        host = await launch(playwright, "host", home.url)
        member = await launch(playwright, "member", home.url)
        try:
            meeting_id = await enter_first(host, home, "host")
            await host.enter(meeting_id)
            await host.start_meeting()
            await enter_first(member, home, "member")
            await member.enter(meeting_id)
            await until("the host's picture at the member's", lambda: member.page.evaluate(f"{PICTURES} >= 2"))
            yield home, meeting_id, host, member
        finally:
            await host.close()
            await member.close()


async def test_second_device_watches_beside_the_first_and_takes_over_when_asked(
    playwright: Playwright, tmp_path: Path, screenshots: Path
) -> None:
    async with lesson(playwright, tmp_path) as (home, meeting_id, host, member):
        phone = await launch(playwright, "phone", home.url, viewport=PHONE)
        try:
            await enter_first(phone, home, "member")
            await phone.open(f"/meetings/{meeting_id}/lobby")
            await expect(phone.see("seat-held")).to_contain_text("您已在电脑上参会", timeout=PATIENCE_MS)
            await shoot(phone, screenshots, "lobby-seat-held")
            await phone.see("join-companion").click()
            await expect(phone.see("companion-line")).to_be_visible(timeout=PATIENCE_MS)
            for control in ("toggle-microphone", "toggle-camera", "toggle-hand", "sign-in"):
                await expect(phone.see(control)).to_have_count(0)
            await until("pictures on the phone", lambda: phone.page.evaluate(f"{PICTURES} >= 2"))
            await expect(host.see("tab-people")).to_contain_text("2", timeout=PATIENCE_MS)
            await expect(host.see("people").get_by_text("手机观看")).to_be_visible(timeout=PATIENCE_MS)
            await shoot(phone, screenshots, "room-companion")
            await phone.see("speak-here").click()
            await expect(phone.see("toggle-microphone")).to_be_enabled(timeout=PATIENCE_MS)
            await expect(member.see("take-back")).to_be_visible(timeout=PATIENCE_MS)
            await shoot(member, screenshots, "room-replaced")
            await member.see("watch-only").click()
            await expect(member.see("companion-line")).to_be_visible(timeout=PATIENCE_MS)
            await expect(phone.see("toggle-microphone")).to_be_enabled()
        finally:
            await phone.close()


async def test_host_takes_a_camera_and_gives_it_back(playwright: Playwright, tmp_path: Path, screenshots: Path) -> None:
    async with lesson(playwright, tmp_path) as (_home, _meeting_id, host, member):
        seat = await member.participant_id()
        await host.see(f"actions-{seat}").click()
        await host.see("menu-video").click(timeout=PATIENCE_MS)
        await expect(member.see("toggle-camera")).to_be_disabled(timeout=PATIENCE_MS)
        await expect(member.see("toggle-camera")).to_have_attribute("data-state", "off")
        await expect(member.page.get_by_text("主持人已收回您的权限：摄像头")).to_be_visible()
        await expect(host.see(f"withheld-{seat}")).to_contain_text("摄像头")
        await expect(member.see("toggle-microphone")).to_be_enabled()
        await shoot(member, screenshots, "room-withheld-member")
        await shoot(host, screenshots, "room-withheld-host")
        await host.see(f"actions-{seat}").click()
        await host.see("menu-video").click(timeout=PATIENCE_MS)
        await expect(member.see("toggle-camera")).to_be_enabled(timeout=PATIENCE_MS)
        await expect(host.see(f"withheld-{seat}")).to_have_count(0)


async def test_host_signs_a_member_in_and_removes_him(playwright: Playwright, tmp_path: Path) -> None:
    async with lesson(playwright, tmp_path) as (_home, _meeting_id, host, member):
        seat = await member.participant_id()
        row = host.see(f"person-{seat}")
        await row.get_by_text("代录").click()
        await host.see("alert-confirm").click(timeout=PATIENCE_MS)
        await expect(row.get_by_text("代录", exact=True)).to_have_count(0, timeout=PATIENCE_MS)
        await expect(row).to_contain_text("代录")
        await host.see(f"actions-{seat}").click()
        await host.see("menu-remove").click(timeout=PATIENCE_MS)
        await host.see("alert-confirm").click(timeout=PATIENCE_MS)
        await expect(member.see("room-closed")).to_have_attribute("data-kind", "removed", timeout=PATIENCE_MS)
        await expect(row).to_have_count(0)


async def test_member_steps_down_the_ladder_by_hand(playwright: Playwright, tmp_path: Path, screenshots: Path) -> None:
    async with lesson(playwright, tmp_path) as (_home, _meeting_id, host, member):
        await choose(member, "stills")
        await expect(member.see("still-stage").locator("img")).to_be_visible(timeout=PATIENCE_MS)
        await shoot(member, screenshots, "room-level-stills")
        await choose(member, "text")
        await expect(member.see("text-only-line")).to_be_visible()
        await expect(member.see("toggle-camera")).to_have_attribute("data-state", "off")
        await expect(member.see("network-badge")).to_have_attribute("data-level", "text")
        assert await member.page.evaluate("[...document.querySelectorAll('audio')].every(one => one.muted)")
        seat = await member.participant_id()
        await expect(host.see(f"level-{seat}")).to_contain_text("仅文字", timeout=PATIENCE_MS)
        await shoot(member, screenshots, "room-level-text")
        await shoot(host, screenshots, "room-level-of-others")
        await member.see("restore-all").click()
        await until("the stage's picture again", lambda: member.page.evaluate(f"{PICTURES} >= 1"))
        assert not await member.page.evaluate("[...document.querySelectorAll('audio')].some(one => one.muted)")
        await expect(member.see("network-badge")).to_have_attribute("data-level", "full", timeout=30_000)


async def choose(actor: Actor, level: str) -> None:
    await actor.see("network-badge").click()
    await actor.see(f"quality-{level}").check(timeout=PATIENCE_MS)
    await actor.page.keyboard.press("Escape")


async def test_nobody_sends_what_nobody_looks_at(playwright: Playwright, tmp_path: Path) -> None:
    async with lesson(playwright, tmp_path) as (_home, _meeting_id, host, member):
        # One viewer and the recorder: whichever sizes they take, they do not take all three.
        await until("a size at rest", lambda: rests_a_size(host), 45)
        await member.page.evaluate(SET_HIDDEN, True)
        await until("no picture in a hidden tab", lambda: member.page.evaluate(f"{WANTED} === 1"))
        await member.page.evaluate(SET_HIDDEN, False)
        await until("the picture again", lambda: member.page.evaluate(f"{WANTED} === 2"))


async def rests_a_size(actor: Actor) -> bool:
    sizes = await actor.page.evaluate(ACTIVE)
    return len(sizes) == 3 and 1 <= sum(active for _rid, active in sizes) < 3


async def test_browser_without_webrtc_watches_the_broadcast(
    playwright: Playwright, tmp_path: Path, screenshots: Path
) -> None:
    async with lesson(playwright, tmp_path) as (home, meeting_id, host, _member):
        secretary = await launch(playwright, "secretary", home.url)
        try:
            await secretary.context.add_init_script("delete window.RTCPeerConnection")
            await enter_first(secretary, home, "secretary")
            await secretary.open(f"/meetings/{meeting_id}/lobby")
            await secretary.see("join-button").click(timeout=PATIENCE_MS)
            await until("the broadcast plays", lambda: secretary.page.evaluate(f"{BROADCAST_TIME} > 1"), 60)
            await expect(secretary.see("broadcast-chip")).to_contain_text("约晚", timeout=PATIENCE_MS)
            await expect(secretary.see("toggle-microphone")).to_be_disabled()
            await secretary.sign_in()
            await secretary.remark("我在广播里看得到")
            await host.show_panel("remarks")
            await expect(host.page.get_by_text("我在广播里看得到")).to_be_visible(timeout=PATIENCE_MS)
            await shoot(secretary, screenshots, "room-broadcast")
        finally:
            await secretary.close()


async def test_member_without_a_path_watches_the_broadcast_and_comes_back_by_himself(
    playwright: Playwright, tmp_path: Path
) -> None:
    async with lesson(playwright, tmp_path) as (home, meeting_id, host, _member):
        secretary = await launch(playwright, "secretary", home.url)
        try:
            await secretary.context.add_init_script(f"({NO_PATH})()")
            await enter_first(secretary, home, "secretary")
            await secretary.open(f"/meetings/{meeting_id}/lobby")
            await secretary.see("lobby-microphone").click(timeout=PATIENCE_MS)
            await expect(secretary.see("lobby-microphone")).to_have_attribute("aria-pressed", "true")
            await secretary.see("join-button").click()
            await until("the broadcast plays", lambda: secretary.page.evaluate(f"{BROADCAST_TIME} > 1"), 60)
            microphone = secretary.see("toggle-microphone")
            await expect(microphone).to_have_attribute("data-state", "off")
            await expect(microphone).to_be_disabled()
            seat = await secretary.participant_id()
            assert not await host.page.evaluate(MICROPHONES_OF, seat), "no microphone that nobody hears"
            await secretary.page.evaluate("window.hasPath = true")
            await expect(secretary.see("broadcast-stage")).to_have_count(0, timeout=45_000)
            await until("the host's picture", lambda: secretary.page.evaluate(f"{PICTURES} >= 1"))
            await expect(microphone).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
            await until("the open microphone at the host's", lambda: host.page.evaluate(MICROPHONES_OF, seat))
        finally:
            await secretary.close()
