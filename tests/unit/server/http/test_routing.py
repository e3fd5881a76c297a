"""The tables themselves: no address twice, no route without a rule, every answer described."""

from __future__ import annotations

from typing import Any, cast, get_args

import pytest
from aiohttp import web

from server.http.openapi import openapi_document
from server.http.routing import Access, Route
from server.http.server import ROUTES, add_routes


async def handler(_call: Any) -> None:
    return None


def test_every_route_has_an_access_rule() -> None:
    assert {route.access for route in ROUTES} <= set(get_args(Access))
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_an_address_that_is_claimed_twice_stops_the_start() -> None:
    twice = Route("GET", "/api/x", handler, "session", "x")
    with pytest.raises(ValueError, match="two routes for GET /api/x"):
        add_routes(web.Application(), (twice, twice), cast(Any, None))


def test_changes_have_typed_bodies_or_none() -> None:
    for route in ROUTES:
        assert route.path == "/healthz" or route.path == "/metrics" or route.path.startswith("/api/")
        assert route.body is None or route.method != "GET"
        assert route.summary


def test_the_description_is_the_same_every_time() -> None:
    assert openapi_document(ROUTES) == openapi_document(ROUTES)
    operations = [op["operationId"] for path in openapi_document(ROUTES)["paths"].values() for op in path.values()]
    assert len(set(operations)) == len(operations)
