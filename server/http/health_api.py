"""Can a lesson be held now? ``/healthz`` for supervisors and fronts, ``/metrics`` for Prometheus on this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import math

from aiohttp import web

from recordings.errors import StoreError, StoreFullError
from server import VERSION
from server.errors import DatabaseAwayError, NotFoundError
from server.http.routing import Call, Route
from server.protocol.http import Health
from server.services import Services
from server.telemetry.counters import prometheus_text

UP = "up"
KEPT_S = 1.0


class HealthCheck:
    """Anybody may ask, so the database and the store are asked at most once a second, whoever asks us how often."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asking = asyncio.Lock()
        self._asked_s = -math.inf
        self._database = self._store = ""

    async def now(self) -> Health:
        loop = asyncio.get_running_loop()
        async with self._asking:
            if loop.time() - self._asked_s >= KEPT_S:
                self._database, self._store = await asyncio.gather(
                    _database(self._services), _object_store(self._services)
                )
                self._asked_s = loop.time()
        return health_of(self._services, self._database, self._store)


HEALTH = web.AppKey("health", HealthCheck)


async def health(call: Call) -> web.Response:
    found = await call.request.app[HEALTH].now()
    return web.Response(text=found.model_dump_json(), status=200 if found.ok else 503, content_type="application/json")


def health_of(services: Services, database: str, store: str) -> Health:
    workers, recorders = services.media.count, services.recorders.count
    wrong = [
        reason
        for wanting, reason in (
            (database != UP, f"the database is {database}"),
            (store != UP, f"the object store is {store}"),
            (workers == 0, "no media worker is connected"),
            (recorders == 0, "no recorder is connected"),
        )
        if wanting
    ]
    return Health(
        ok=not wrong,
        version=VERSION,
        database=database,
        object_store=store,
        media_workers=workers,
        recorders=recorders,
        reason="; ".join(wrong) or None,
    )


async def metrics(call: Call) -> web.Response:
    """For this machine only, and not through a front."""
    if "X-Forwarded-For" in call.request.headers or not _is_loopback(call.request.remote or ""):
        raise NotFoundError("no such address")
    return web.Response(text=prometheus_text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _database(services: Services) -> str:
    try:
        await services.db.check()
    except DatabaseAwayError:
        return "away"
    return UP


async def _object_store(services: Services) -> str:
    try:
        await services.store.check()
    except StoreFullError:
        return "full"
    except StoreError:
        return "away"
    return UP


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


ROUTES = (
    Route(
        "GET", "/healthz", health, "public", "200 when a lesson can be held, else 503 with the reason", answer=Health
    ),
    Route("GET", "/metrics", metrics, "public", "Counters for Prometheus, for this machine only"),
)
