"""What every address has in common: headers, limits, errors, files, its own description."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import jsonschema
import pytest

from server.http.server import ROUTES
from tests.integration.server_http.conftest import Site

pytestmark = pytest.mark.integration


async def test_every_answer_carries_the_security_headers(site: Site) -> None:
    browser = await site.browser("member")
    for path in ("/", "/api/me", "/api/nothing", "/healthz", "/assets/none.js"):
        headers = (await browser.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'; script-src 'self'; style-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe" not in policy
        assert f"ws://{site.url.removeprefix('http://')}" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "camera=(self)" in headers["Permissions-Policy"]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert len(headers["X-Request-ID"]) == 32
        assert "Strict-Transport-Security" not in headers


async def test_a_forged_host_does_not_get_into_the_policy(site: Site) -> None:
    answer = await site.stranger().get("/healthz", headers={"Host": "x; script-src *"})
    assert "script-src *" not in answer.headers.get("Content-Security-Policy", "")


async def test_api_answers_are_not_kept_by_anybody(site: Site) -> None:
    assert (await (await site.browser("member")).get("/api/me")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("send", "status", "code"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "bad_request"),
        ({"data": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400, "bad_request"),
        ({"data": b"account=a", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400, "bad_request"),
        ({"json": []}, 422, "validation"),
        ({"json": {"account": "a"}}, 422, "validation"),
        ({"json": {"account": "a", "password": "b", "more": 1}}, 422, "validation"),
        ({"json": {"account": "a", "password": ["b"]}}, 422, "validation"),
        ({"json": {"account": "a" * 65, "password": "b"}}, 422, "validation"),
        ({"json": {"account": "a", "password": "b" * 70_000}}, 413, "message_too_large"),
    ],
)
async def test_bad_bodies_are_told_what_is_wrong(site: Site, send: dict[str, Any], status: int, code: str) -> None:
    answer = await site.stranger().call("POST", "/api/login", **send)
    assert (answer.status, answer.code) == (status, code)
    assert "b" * 100 not in json.dumps(answer.body)


async def test_fields_are_named_and_their_values_are_not(site: Site) -> None:
    answer = await site.stranger().post("/api/login", {"account": "", "password": {"secret": "hunter2"}})
    assert set(answer.body["error"]["fields"]) == {"account", "password"}
    assert "hunter2" not in json.dumps(answer.body)


async def test_unknown_addresses_and_methods(site: Site) -> None:
    browser = await site.browser("member")
    assert (await browser.get("/api/nothing")).code == "not_found"
    assert (await browser.get("/socket.io2/../api/x")).status == 404
    answer = await browser.call("DELETE", "/api/me")
    assert (answer.status, answer.code) == (405, "bad_request")
    assert "GET" in answer.headers["Allow"]


async def test_every_private_address_refuses_a_stranger(site: Site) -> None:
    """Whatever is added to the tables: without a session it tells nothing."""
    browser = site.stranger()
    checked = 0
    for route in ROUTES:
        if route.access != "session":
            continue
        path = re.sub(r"\{[^}]+\}", "0" * 32, route.path)
        answer = await browser.call(route.method, path, json={} if route.body else None)
        assert (answer.status, answer.code) == (401, "not_signed_in"), route
        checked += 1
    assert checked > 10


async def test_every_change_wants_the_csrf_token(site: Site) -> None:
    browser = await site.browser("admin")
    for route in ROUTES:
        if route.access == "session" and route.method != "GET":
            path = re.sub(r"\{[^}]+\}", "0" * 32, route.path)
            answer = await browser.call(route.method, path, headers={"X-CSRF-Token": None})
            assert (answer.status, answer.code) == (403, "csrf"), route


async def test_only_these_addresses_are_open(site: Site) -> None:
    assert {(r.method, r.path) for r in ROUTES if r.access != "session"} == {
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("POST", "/api/login"),
        ("POST", "/api/watch/{session_id}/heartbeat"),
        *((method, f"/api/{kind}/{{meeting_id}}") for kind in ("whip", "whep") for method in ("POST", "OPTIONS")),
        *(
            (method, f"/api/{kind}/{{meeting_id}}/{{session_id}}")
            for kind in ("whip", "whep")
            for method in ("DELETE", "PATCH")
        ),
    }


async def test_the_description_has_every_route_and_every_schema(site: Site) -> None:
    document = (await site.stranger().get("/api/openapi.json")).body
    assert document["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(r.method, r.path) for r in ROUTES} | {("GET", "/api/openapi.json")}
    schemas = document["components"]["schemas"]
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in schemas
    jsonschema.Draft202012Validator.check_schema({"$defs": schemas})
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert ("security" in operation) is (route.access in ("session", "bearer"))
        if route.answer is not None:
            assert "application/json" in operation["responses"]["200"]["content"]


async def test_the_web_app_is_served_for_every_page_address(site: Site) -> None:
    browser = site.stranger()
    for path in ("/", "/login", "/meetings/0123/room", "/ledger?year=2026"):
        answer = await browser.get(path)
        assert answer.status == 200
        assert "会堂" in answer.body.decode()
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["Cache-Control"] == "no-cache"


async def test_hashed_assets_are_kept_and_come_compressed(site: Site) -> None:
    script = b"export const n = 1;\n" * 200
    (site.web_dist / "assets" / "index-a1b2.js").write_bytes(script)
    (site.web_dist / "assets" / "index-a1b2.js.gz").write_bytes(gzip.compress(script))
    browser = site.stranger()
    async with browser.http.get(site.url + "/assets/index-a1b2.js", auto_decompress=False) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await answer.read()) == script
        assert "javascript" in answer.headers["Content-Type"]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    async with browser.http.get(site.url + "/assets/index-a1b2.js", headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == script


@pytest.mark.parametrize(
    "path",
    [
        "/../data/huitang.db",
        "/%2e%2e/data/huitang.db",
        "/..%2fdata%2fhuitang.db",
        "/assets/..%2f..%2fdata/huitang.db",
        "/.env",
        "/assets/.hidden.js",
        "/assets/none.js",
        "/link.txt",
        "/%00.txt",
    ],
)
async def test_nothing_outside_the_web_app_is_served(site: Site, path: str) -> None:
    (site.web_dist / ".env").write_text("secret")
    (site.web_dist.parent / "secret.txt").write_text("secret")
    link = site.web_dist / "link.txt"
    link.symlink_to(site.web_dist.parent / "secret.txt")
    reader, writer = await _raw(site, path)
    body = await reader.read()
    writer.close()
    assert b" 404 " in body.split(b"\r\n")[0] or b" 400 " in body.split(b"\r\n")[0], body
    assert b"secret" not in body


async def _raw(site: Site, path: str) -> tuple[Any, Any]:
    """Without a client that tidies the path up."""
    import asyncio

    host, _, port = site.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


async def test_metrics_are_for_this_machine_only(site: Site) -> None:
    browser = site.stranger()
    answer = await browser.get("/metrics")
    assert answer.status == 200
    assert b"huitang_http_requests_total " in answer.body
    assert (await browser.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})).status == 404
