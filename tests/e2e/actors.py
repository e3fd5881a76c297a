"""People of a test: each is a real Chromium of its own whose camera and microphone play that person's files.

The verbs are what a person does and sees; selectors live only here.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Playwright, expect
from playwright.async_api import Error as PlaywrightError

from tests.e2e.media_files import MediaFiles

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
FAKE_DEVICES = ("--use-fake-device-for-media-stream",)
ALLOW_DEVICES = ("--use-fake-ui-for-media-stream",)
FLAGS = (
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--auto-select-desktop-capture-source=Entire screen",
)
PATIENCE_MS = 20_000
CHROMIUM = "/usr/bin/chromium"


@dataclass
class Actor:
    """One person with a browser."""

    name: str
    url: str
    browser: Browser
    context: BrowserContext
    page: Page
    foreign_requests: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)

    def see(self, test_id: str) -> Any:
        """The element with this test id."""
        return self.page.get_by_test_id(test_id)

    async def open(self, path: str) -> None:
        await self.page.goto(self.url + path)

    async def log_in(self, login: dict[str, str]) -> None:
        await self.open("/login")
        await self.see("account").fill(login["account"])
        await self.see("password").fill(login["password"])
        await self.see("login").click()
        await expect(self.see("home")).to_be_visible(timeout=PATIENCE_MS)

    async def api(self, method: str, path: str, body: object = None) -> Any:
        """A call of the HTTP API with this person's session; AssertionError shows a refusal's body."""
        script = """async ([method, path, body]) => {
          const me = await (await fetch('/api/me')).json();
          const answer = await fetch(path, {method, headers: {'X-CSRF-Token': me.csrf_token,
            'Content-Type': 'application/json'}, body: body === null ? undefined : JSON.stringify(body)});
          const text = await answer.text();
          return [answer.status, text ? JSON.parse(text) : null];
        }"""
        status, answer = await self.page.evaluate(script, [method, path, body])
        assert status < 400, f"{method} {path}: {status} {answer}"
        return answer

    async def enter(self, meeting_id: str, *, microphone: bool = True, camera: bool = True) -> None:
        """Through the lobby into the room, and switches on what is wanted."""
        await self.open(f"/meetings/{meeting_id}/lobby")
        await self.see("join-button").click(timeout=PATIENCE_MS)
        await expect(self.see("toolbar")).to_be_visible(timeout=PATIENCE_MS)
        if microphone:
            await self.see("toggle-microphone").click(timeout=PATIENCE_MS)
        if camera:
            await self.see("toggle-camera").click(timeout=PATIENCE_MS)

    async def participant_id(self) -> str:
        return str(await self.page.evaluate("window.__huitang.room.currentView.seat.participantId"))

    async def start_meeting(self) -> None:
        await self.see("start-meeting").click(timeout=PATIENCE_MS)

    async def sign_in(self) -> None:
        await self.see("sign-in").click(timeout=PATIENCE_MS)

    async def remark(self, text: str) -> None:
        """Writes a remark and waits until the server has acknowledged it (it then stands in the list)."""
        await self.show_panel("remarks")
        await self.see("remark-input").fill(text)
        await self.see("remark-send").click()
        await expect(self.page.get_by_test_id("remarks").get_by_text(text)).to_be_visible(timeout=PATIENCE_MS)

    async def show_panel(self, key: str) -> None:
        await self.see(f"tab-{key}").click()

    async def sign_entry(self, entry_id: str, password: str) -> None:
        """Signs a ledger entry on its page, giving the password again."""
        await self.open(f"/ledger/{entry_id}")
        await self.see("sign").click(timeout=PATIENCE_MS)
        await self.see("sign-password").fill(password)
        await self.see("sign-confirm").click()
        await expect(self.see("sign-password")).to_have_count(0, timeout=PATIENCE_MS)

    async def end_meeting(self) -> None:
        await self.see("end-meeting").click()
        await self.see("alert-confirm").click()

    async def keep_evidence(self, folder: Path) -> None:
        """What this person saw when the test failed."""
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PlaywrightError):
            await self.page.screenshot(path=folder / f"{self.name}.png")
        print(f"{self.name} at {self.page.url}: {self.console_errors[-5:]}")

    async def close(self) -> None:
        await self.context.close()
        await self.browser.close()


async def launch(
    playwright: Playwright,
    name: str,
    url: str,
    files: MediaFiles | None = None,
    *,
    viewport: dict[str, int] | None = None,
    extra_flags: tuple[str, ...] = (),
    fake_devices: bool = True,
    allow_devices: bool = True,
) -> Actor:
    """A Chromium of this person's own; without files the fake devices play their built-in pattern."""
    flags = [*FLAGS, *(FAKE_DEVICES if fake_devices else ()), *(ALLOW_DEVICES if allow_devices else ()), *extra_flags]
    if files is not None:
        flags += [
            f"--use-file-for-fake-video-capture={files.video}",
            f"--use-file-for-fake-audio-capture={files.audio}",
        ]
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    size: Any = viewport or DESKTOP
    context = await browser.new_context(
        viewport=size,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        ignore_https_errors=True,
        permissions=["camera", "microphone"] if allow_devices else [],
        is_mobile=size["width"] < 600,
        has_touch=size["width"] < 600,
    )
    await context.add_init_script("localStorage.setItem('huitang.debug', '1')")
    page = await context.new_page()
    actor = Actor(name, url, browser, context, page)
    origin = url.split("//", 1)[1].split(":", 1)[0]
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("data:", "blob:")) or f"//{origin}" in request.url
            else actor.foreign_requests.append(request.url)
        ),
    )
    page.on("console", lambda m: actor.console_errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: actor.console_errors.append(str(error)))
    return actor


@asynccontextmanager
async def cast(
    playwright: Playwright, url: str, files: dict[str, MediaFiles | None]
) -> AsyncIterator[dict[str, Actor]]:
    """Several people at once, by name."""
    async with AsyncExitStack() as stack:
        actors = {}
        for name, own in files.items():
            actors[name] = await launch(playwright, name, url, own)
            stack.push_async_callback(actors[name].close)
        yield actors


async def shoot(actor: Actor, folder: Path, name: str) -> None:
    """Screenshots at desktop and phone size of the page as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    before = actor.page.viewport_size
    for label, size in (("1440x900", DESKTOP), ("390x844", PHONE)):
        await actor.page.set_viewport_size(size)  # type: ignore[arg-type]
        await actor.page.screenshot(path=folder / f"{name}-{label}.png")
    if before is not None:
        await actor.page.set_viewport_size(before)
