"""The aiohttp application: all ROUTES tables together. Refuses to be built when two rows claim one address."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from server.broadcast.service import Broadcasts
from server.http import (
    auth_api,
    broadcast_api,
    health_api,
    home_api,
    ingest_api,
    ledger_api,
    meetings_api,
    openapi,
    planning_api,
    replay_api,
)
from server.http.endpoint import endpoint
from server.http.middleware import guard, security_headers
from server.http.routing import Route
from server.http.static_files import static_files
from server.ingest.sessions import IngestSessions
from server.protocol.base import MAX_MESSAGE_BYTES
from server.services import Services

ROUTES: tuple[Route, ...] = (
    *health_api.ROUTES,
    *auth_api.ROUTES,
    *home_api.ROUTES,
    *planning_api.ROUTES,
    *meetings_api.ROUTES,
    *broadcast_api.ROUTES,
    *ingest_api.ROUTES,
    *replay_api.ROUTES,
    *ledger_api.ROUTES,
)


def build_app(services: Services) -> web.Application:
    """Without the web app's files: ``add_static_files`` comes last, because it takes every address that is left."""
    app = web.Application(middlewares=[guard(services.settings, services.clock)], client_max_size=MAX_MESSAGE_BYTES)
    app[health_api.HEALTH] = health_api.HealthCheck(services)
    app[ingest_api.INGEST] = IngestSessions(services)
    app[broadcast_api.BROADCASTS] = Broadcasts(services)
    app.on_response_prepare.append(security_headers(services.settings))
    add_routes(app, (*ROUTES, openapi.route(ROUTES)), services)
    return app


def add_routes(app: web.Application, routes: Iterable[Route], services: Services) -> None:
    """Raises ValueError for an address and method that is taken already."""
    taken: set[tuple[str, str]] = set()
    for route in routes:
        if (route.method, route.path) in taken:
            raise ValueError(f"two routes for {route.method} {route.path}")
        taken.add((route.method, route.path))
        if route.method == "GET":
            app.router.add_get(route.path, endpoint(route, services))
        else:
            app.router.add_route(route.method, route.path, endpoint(route, services))


def add_static_files(app: web.Application, services: Services) -> None:
    app.router.add_get("/{name:.*}", static_files(services.settings.web_dist))
