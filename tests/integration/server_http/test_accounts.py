"""Login, cookies, CSRF, origins: as a browser sees them, on both databases."""

from __future__ import annotations

import pytest

from server.auth.sessions import IDLE_MS
from tests.integration.server_http.conftest import PASSWORD, Site

pytestmark = pytest.mark.integration


async def test_who_logs_in_hears_who_they_are(site: Site) -> None:
    browser = site.stranger()
    assert (await browser.get("/api/me")).code == "not_signed_in"
    answer = await browser.login("host")
    me = await browser.get("/api/me")
    assert me.status == 200
    assert me.body == answer.body
    assert (me.body["name"], me.body["account"], me.body["branch"]["name"]) == ("名字host", "host", "第一党支部")
    assert me.body["rights"] == ["schedule", "host", "read_ledger"]
    assert [place["name"] for place in me.body["manages"]] == ["第一党支部"]


@pytest.mark.parametrize(
    ("account", "rights"),
    [
        ("member", []),
        ("secretary", ["schedule", "read_ledger"]),
        ("inspector", ["read_ledger", "inspect"]),
        ("admin", ["read_ledger", "administer"]),
    ],
)
async def test_the_menu_follows_the_roles(site: Site, account: str, rights: list[str]) -> None:
    assert (await (await site.browser(account)).get("/api/me")).body["rights"] == rights


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(site: Site) -> None:
    answer = await site.stranger().login("member")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("huitang=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_logging_out_ends_the_session_on_the_server(site: Site) -> None:
    browser = await site.browser("member")
    cookies = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}
    assert (await browser.post("/api/logout")).status == 204
    assert not list(browser.http.cookie_jar)
    assert (await browser.get("/api/me", cookies=cookies)).code == "not_signed_in"


async def test_an_idle_session_ends(site: Site) -> None:
    browser = await site.browser("member")
    site.clock.advance(IDLE_MS + 1)
    assert (await browser.get("/api/me")).code == "not_signed_in"


async def test_a_change_without_the_csrf_token_does_not_happen(site: Site) -> None:
    browser = await site.browser("host")
    for wrong in (None, "", "x" * 32):
        answer = await browser.post("/api/meetings", site.lesson(), headers={"X-CSRF-Token": wrong})
        assert (answer.status, answer.code) == (403, "csrf")
    other = await site.browser("secretary")
    browser.csrf = other.csrf
    assert (await browser.post("/api/logout")).code == "csrf"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_pages_of_other_sites_change_nothing(site: Site, origin: str) -> None:
    browser = await site.browser("host")
    answer = await browser.post("/api/logout", headers={"Origin": origin})
    assert (answer.status, answer.code) == (403, "csrf")
    login = await browser.post("/api/login", {"account": "host", "password": PASSWORD}, headers={"Origin": origin})
    assert login.code == "csrf"


async def test_the_operators_front_is_one_of_us(site: Site) -> None:
    browser = await site.browser("host")
    assert (await browser.post("/api/logout", headers={"Origin": "https://front.example"})).status == 204


async def test_after_five_wrong_passwords_one_waits(site: Site) -> None:
    browser = site.stranger()
    answers = [await browser.login("member", "wrong") for _ in range(6)]
    assert [a.code for a in answers] == ["bad_credentials"] * 5 + ["login_throttled"]
    assert answers[0].body["error"]["fields"] == {"tries_left": "4"}
    assert (answers[5].status, answers[5].headers["Retry-After"]) == (429, "30")
    assert (await browser.login("member")).code == "login_throttled"
    site.clock.advance(31_000)
    assert (await browser.login("member")).status == 200


async def test_changing_ones_password(site: Site) -> None:
    browser, elsewhere = await site.browser("member"), await site.browser("member")
    wish = {"old": PASSWORD, "new": "quite-another-password"}
    short = await browser.post("/api/me/password", wish | {"new": "short"})
    assert (short.status, short.code, set(short.body["error"]["fields"])) == (422, "validation", {"new"})
    assert (await browser.post("/api/me/password", wish | {"old": "wrong"})).code == "bad_credentials"
    changed = await browser.post("/api/me/password", wish)
    assert (changed.status, changed.body["must_change_password"]) == (200, False)
    assert (await browser.get("/api/me")).status == 200
    assert (await elsewhere.get("/api/me")).code == "not_signed_in"
    assert (await site.stranger().login("member")).code == "bad_credentials"
    assert (await site.stranger().login("member", wish["new"])).status == 200
