"""The composition root: builds the services, wires them, starts them in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from recordings.errors import StoreError
from recordings.stores.base import ObjectStore
from recordings.stores.open import open_store
from server.auth.access_log import AccessLogger
from server.auth.passwords import Passwords
from server.auth.sessions import Sessions
from server.auth.throttle import Throttle
from server.auth.tickets import Tickets
from server.clock import Clock, SystemClock
from server.demo.seed import seed_past_lesson, seed_people
from server.errors import DatabaseAwayError
from server.http.server import add_static_files, build_app
from server.makeup.service import Makeup
from server.meeting_log.log import DurableLog
from server.planning.profiles import load_profiles
from server.planning.service import Planning
from server.record.service import Record
from server.rooms.registry import RoomRegistry
from server.services import Services
from server.settings import Settings
from server.signaling.gateway import attach
from server.storage.engine import Database
from server.storage.migrate import migrate
from server.storage.secrets import installation_secret
from server.workers.carriers import RoomLimits
from server.workers.media import MediaWorkers
from server.workers.recorders import Recorders

log = logging.getLogger(__name__)

PATIENCE_S = 60.0  # a database or a store that starts beside us may need a moment
HOUSEKEEPING_S = 3600.0
SHUTDOWN_S = 1.0

Closer = Callable[[], Awaitable[None]]


class Server:
    """One server process. ``start`` may be cancelled; ``stop`` undoes whatever was started, also twice."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.port = settings.port
        self._closers: list[tuple[str, Closer]] = []

    async def start(self) -> Services:
        """Returns when requests are answered. Raises OSError, DatabaseAwayError or StoreError with the reason."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        passwords = Passwords()
        self._on_stop("passwords", passwords.close)
        services = await self._build(passwords)
        app = build_app(services)
        self._on_stop("rooms", services.rooms.close)
        gateway = await attach(app, services)
        self._on_stop("signaling and workers", gateway.close)
        add_static_files(app, services)
        await services.rooms.recover()
        wants_past_lesson = self.settings.demo and await seed_people(services, passwords)
        await self._listen(app)
        self._in_background("housekeeping", lambda: _keep_house(services))
        self._in_background("missing ledger entries", lambda: _assemble_missing(services))
        if wants_past_lesson:
            self._in_background("demonstration", lambda: seed_past_lesson(services))
        return services

    async def stop(self) -> None:
        """In reverse order; one part that fails to close does not keep the others open."""
        while self._closers:
            name, close = self._closers.pop()
            try:
                await close()
            except Exception:
                log.exception("%s did not close", name)

    async def _build(self, passwords: Passwords) -> Services:
        settings, clock = self.settings, self.clock
        db = Database(settings.effective_database_url)
        self._on_stop("database", db.close)
        await _patiently("the database", lambda: migrate(db))
        meeting_log = DurableLog(db, settings.data_dir / "journal", clock)
        await meeting_log.start()
        self._on_stop("meeting log", meeting_log.close)
        store: ObjectStore = await _patiently("the object store", lambda: open_store(settings.effective_object_store))
        self._on_stop("object store", store.close)
        sessions = Sessions(db, clock, passwords, Throttle(db, clock))
        planning = Planning(db, clock, load_profiles())
        record = Record(db, meeting_log, clock, sessions)
        return Services(
            settings=settings,
            clock=clock,
            db=db,
            log=meeting_log,
            store=store,
            sessions=sessions,
            tickets=Tickets(await installation_secret(db, clock, "ticket_key"), clock),
            access_log=AccessLogger(db, clock),
            planning=planning,
            rooms=RoomRegistry(db, meeting_log, clock, planning, record),
            media=MediaWorkers(settings.worker_token, clock, RoomLimits(settings.spread_at, settings.max_participants)),
            recorders=Recorders(settings.worker_token, clock),
            record=record,
            makeup=Makeup(db, meeting_log, clock),
        )

    async def _listen(self, app: web.Application) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S, handle_signals=False)
        await runner.setup()
        self._on_stop("http", runner.cleanup)
        site = web.TCPSite(runner, self.settings.host, self.settings.port, ssl_context=_tls(self.settings))
        await site.start()
        self.port = runner.addresses[0][1]

    def _in_background(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """A fault in it is logged and stops nothing else."""
        task = asyncio.create_task(_logged(name, work), name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._on_stop(name, end)

    def _on_stop(self, name: str, close: Closer) -> None:
        self._closers.append((name, close))


async def _logged(name: str, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:
        log.exception("%s failed", name)


async def _assemble_missing(services: Services) -> None:
    """Of meetings that ended while the last server died or the database was away."""
    if found := await services.record.assemble_missing():
        log.info("assembled %d ledger entries that were missing", found)


async def _keep_house(services: Services) -> None:
    while True:
        with contextlib.suppress(DatabaseAwayError):
            await services.sessions.forget_old()
        await asyncio.sleep(HOUSEKEEPING_S)


async def _patiently(name: str, attempt: Callable[[], Awaitable[Any]]) -> Any:
    """Raises what the last attempt raised."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return await attempt()
        except (DatabaseAwayError, StoreError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("%s does not answer yet", name)
            await asyncio.sleep(1)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 or newer, as Python's default is. Raises OSError when the files cannot be read."""
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key or None)
    except OSError as error:
        raise OSError(f"TLS_CERT and TLS_KEY cannot be used: {error}") from error
    return context
