"""Every page at desktop and phone size, in Chinese and English: pictures to look at, and what must hold for each."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.actors import DESKTOP, PATIENCE_MS, PHONE, Actor, launch
from tests.e2e.installation import Installation, installation, until
from tests.e2e.lesson import schedule

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WIDER_THAN_WINDOW = "document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"
SETTLED = "() => document.querySelector('h1') && !document.querySelector('.skeleton')"
# Words of a failing translation: a key that shows itself, e.g. "home.title".
RAW_KEYS = r"() => document.body.innerText.match(/\b[a-z_]+(\.[a-z_]+){1,3}\b/g) || []"
# A switch is drawn smaller than what takes the finger (BaseSwitch.vue), so its box says nothing.
SMALL_TARGETS = """() => [...document.querySelectorAll('button, a[href], input, select, textarea, [role=tab]')]
  .filter(e => { const r = e.getBoundingClientRect(); const s = getComputedStyle(e);
    return r.width > 0 && s.visibility !== 'hidden' && s.display !== 'inline'
      && !e.closest('p, li p, .visually-hidden')
      && !e.matches('.visually-hidden, .skip, [type=checkbox], [type=radio], [role=switch]')
      && r.height < 43.5; })
  .map(e => (e.dataset.testid || e.textContent.trim()) + ' ' + Math.round(e.getBoundingClientRect().height))"""


@asynccontextmanager
async def one_person(playwright: Playwright, home: Installation, role: str) -> AsyncIterator[Actor]:
    actor = await launch(playwright, role, home.url)
    try:
        await actor.log_in(home.logins[role])
        yield actor
    finally:
        await actor.close()


async def look(actor: Actor, folder: Path, name: str, problems: list[str]) -> None:
    """Pictures at both sizes; collects what no page may have."""
    for label, size in (("1440x900", DESKTOP), ("390x844", PHONE)):
        await actor.page.set_viewport_size(size)  # type: ignore[arg-type]
        await actor.page.wait_for_load_state("load")
        await actor.page.wait_for_function(SETTLED, timeout=PATIENCE_MS)
        await actor.page.screenshot(path=folder / f"{name}-{label}.png", full_page=True)
        if await actor.page.evaluate(WIDER_THAN_WINDOW):
            problems.append(f"{name} {label}: wider than the window")
        problems += [f"{name} {label}: raw key {key}" for key in await actor.page.evaluate(RAW_KEYS)]
        problems += [f"{name} {label}: small target {target}" for target in await actor.page.evaluate(SMALL_TARGETS)]
    await actor.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


async def test_every_page_stands_at_both_sizes(playwright: Playwright, tmp_path: Path, screenshots: Path) -> None:
    problems: list[str] = []
    async with installation(tmp_path / "data") as home:
        stranger = await launch(playwright, "stranger", home.url)
        await stranger.open("/login")
        await look(stranger, screenshots, "login", problems)
        await stranger.open("/nowhere")
        await look(stranger, screenshots, "not-found", problems)
        await stranger.close()
        async with one_person(playwright, home, "secretary") as secretary:
            await until("the past lesson is laid out", lambda: has_ledger(secretary), 60)
            await schedule(home, secretary, "党课：跨年夜里话初心", tomorrow_before_midnight_ms())
            await officer_pages(secretary, screenshots, problems)
        async with one_person(playwright, home, "member") as member:
            await member_pages(member, screenshots, problems)
    assert not problems, "\n".join(problems)


def tomorrow_before_midnight_ms() -> int:
    """In China. An hour from then its line names both days, the longest that there is."""
    china = datetime.timezone(datetime.timedelta(hours=8))
    tomorrow = datetime.datetime.now(china) + datetime.timedelta(days=1)
    return int(tomorrow.replace(hour=23, minute=30, second=0, microsecond=0).timestamp() * 1000)


async def has_ledger(actor: Actor) -> bool:
    page = await actor.api("GET", "/api/ledger")
    return bool(page["rows"])


async def officer_pages(actor: Actor, screenshots: Path, problems: list[str]) -> None:
    entry = (await actor.api("GET", "/api/ledger"))["rows"][0]
    pages = {
        "home-secretary": "/",
        "meetings": "/meetings",
        "schedule": "/meetings/new",
        "ledger": "/ledger",
        "ledger-entry-draft": f"/ledger/{entry['entry_id']}",
        "meeting-past": f"/meetings/{entry['meeting_id']}",
    }
    for name, path in pages.items():
        await actor.open(path)
        await look(actor, screenshots, name, problems)


async def member_pages(actor: Actor, screenshots: Path, problems: list[str]) -> None:
    tasks = (await actor.api("GET", "/api/makeup"))["tasks"]
    now = (await actor.api("GET", "/api/home"))["now"][0]
    pages = {
        "home-member": "/",
        "makeup": "/makeup",
        "replay-start": f"/replay/{tasks[0]['recording_id']}",
        "meeting-next": f"/meetings/{now['meeting_id']}",
        "lobby": f"/meetings/{now['meeting_id']}/lobby",
        "settings": "/settings",
    }
    for name, path in pages.items():
        await actor.open(path)
        await look(actor, screenshots, name, problems)
    await actor.page.evaluate("localStorage.clear()")
    await actor.open("/settings")
    await actor.see("language").select_option("en")
    for name, path in {"home-english": "/", "makeup-english": "/makeup"}.items():
        await actor.open(path)
        await look(actor, screenshots, name, problems)


async def test_secretary_schedules_by_the_form(playwright: Playwright, tmp_path: Path, screenshots: Path) -> None:
    title = "党课：用表单安排的一课"
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
    async with installation(tmp_path / "data") as home, one_person(playwright, home, "secretary") as secretary:
        await secretary.open("/meetings/new")
        await secretary.see("type").select_option("party_lesson")
        await secretary.see("title").fill(title)
        await secretary.see("next").click()
        await secretary.see("day").fill(tomorrow.strftime("%Y-%m-%d"))
        await secretary.see("start").fill("15:00")
        await secretary.see("end").fill("16:00")
        await secretary.see("next").click()
        await secretary.see("next").click()
        await secretary.see("host").select_option(label=home.logins["host"]["name"])
        await secretary.see("recorder").select_option(label=home.logins["secretary"]["name"])
        await secretary.see("next").click()
        await secretary.see("publish").click()
        await expect(secretary.see("schedule-form").get_by_role("alert").first).to_be_visible(timeout=PATIENCE_MS)
        await secretary.page.screenshot(path=screenshots / "schedule-refused-1440x900.png")
        await secretary.see("not-classified").click()
        await secretary.see("publish").click()
        await expect(secretary.see("meeting")).to_be_visible(timeout=PATIENCE_MS)
        await expect(secretary.page.get_by_role("heading", name=title)).to_be_visible()
        await secretary.open("/meetings")
        await expect(secretary.page.get_by_text(title)).to_be_visible(timeout=PATIENCE_MS)


async def test_member_without_camera_or_permission_reads_what_to_do(
    playwright: Playwright, tmp_path: Path, screenshots: Path
) -> None:
    async with installation(tmp_path / "data") as home:
        for name, fake in (("no-camera", False), ("denied", True)):
            actor = await launch(playwright, name, home.url, fake_devices=fake, allow_devices=False)
            try:
                await actor.log_in(home.logins["member"])
                now = (await actor.api("GET", "/api/home"))["now"][0]
                await actor.open(f"/meetings/{now['meeting_id']}/lobby")
                await actor.see("lobby-camera").click(timeout=PATIENCE_MS)
                await expect(actor.see("access-problem")).to_be_visible(timeout=PATIENCE_MS)
                await actor.page.screenshot(path=screenshots / f"lobby-{name}-1440x900.png")
                await actor.page.keyboard.press("Escape")  # the denied one is shown how to allow it
                await actor.see("listen-first").click()
                await expect(actor.see("toolbar")).to_be_visible(timeout=PATIENCE_MS)
            finally:
                await actor.close()


async def test_host_brings_an_encoder_and_takes_its_token_back(
    playwright: Playwright, tmp_path: Path, screenshots: Path
) -> None:
    problems: list[str] = []
    async with installation(tmp_path / "data") as home, one_person(playwright, home, "host") as host:
        now = (await host.api("GET", "/api/home"))["now"][0]
        await host.open(f"/meetings/{now['meeting_id']}")
        await host.see("token-name").fill("礼堂编码器", timeout=PATIENCE_MS)
        await host.see("add-whip").click()
        made = host.see("made-token")
        await expect(made).to_contain_text(f"/api/whip/{now['meeting_id']}", timeout=PATIENCE_MS)
        await look(host, screenshots, "meeting-encoder", problems)
        await expect(host.see("encoders").get_by_text("礼堂编码器")).to_be_visible()
        await host.see("revoke-token").click()
        await host.see("alert-confirm").click(timeout=PATIENCE_MS)
        await expect(host.see("revoke-token")).to_have_count(0, timeout=PATIENCE_MS)
        await expect(made).to_have_count(0)
    assert not problems, "\n".join(problems)
