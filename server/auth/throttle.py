"""Login throttling: per account and per address, a growing delay up to a quarter of an hour, never for ever."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.rate import subscriber
from server.clock import Clock
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.storage.engine import Database
from server.storage.models import LoginAttempt
from server.telemetry.counters import count

ACCOUNT_FAILURES = 5
# A whole branch may sit behind one address: the address is stopped later than the account.
ADDRESS_FAILURES = 20
FIRST_DELAY_MS = 30_000
LONGEST_DELAY_MS = 15 * 60_000
MEMORY_MS = 60 * 60_000  # an hour without a failure, and all is forgotten


class Throttle:
    """Each try counts as a failure before the password is looked at: a hundred at once get no more guesses than one."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def admit(self, account: str, address: str) -> None:
        """Counts the try, or raises AppError LOGIN_THROTTLED with ``retry_after_s``."""
        now = self._clock.now_ms()
        limits = {account_key(account): ACCOUNT_FAILURES, _address(address): ADDRESS_FAILURES}
        async with self._one_at_a_time, self._db.session() as session:
            rows = {key: await _row(session, key, now) for key in limits}
            locked_until = max((row.locked_until_ms or 0) for row in rows.values())
            if locked_until > now:
                count("logins_throttled")
                raise throttled(locked_until - now)
            for key, row in rows.items():
                row.failures += 1
                if row.failures >= limits[key]:
                    row.locked_until_ms = now + delay_ms(row.failures - limits[key])

    async def succeeded(self, account: str, address: str) -> None:
        """The account starts afresh; the address gets its one try back, so that nobody clears it by an own login."""
        async with self._one_at_a_time, self._db.session() as session:
            await session.execute(delete(LoginAttempt).where(LoginAttempt.key == account_key(account)))
            row = await session.get(LoginAttempt, _address(address), with_for_update=True)
            if row is not None:
                row.failures = max(0, row.failures - 1)
                if row.failures < ADDRESS_FAILURES:
                    row.locked_until_ms = None

    async def tries_left(self, account: str) -> int:
        async with self._db.session() as session:
            row = await session.get(LoginAttempt, account_key(account))
            return max(0, ACCOUNT_FAILURES - (row.failures if row else 0))

    async def forget_old(self) -> None:
        async with self._db.session() as session:
            await session.execute(delete(LoginAttempt).where(LoginAttempt.first_ms < self._clock.now_ms() - MEMORY_MS))


def delay_ms(failures_over: int) -> int:
    """30 s, 1 min, 2, 4, 8, then 15 min."""
    return min(LONGEST_DELAY_MS, FIRST_DELAY_MS << min(failures_over, 10))


def throttled(wait_ms: int) -> AppError:
    return AppError(
        ErrorCode.LOGIN_THROTTLED,
        "too many tries",
        retryable=True,
        fields={"retry_after_s": str(max(1, -(-wait_ms // 1000)))},
    )


async def _row(session: AsyncSession, key: str, now: int) -> LoginAttempt:
    """``first_ms`` is the start of the window; it moves with each try, so a lock is always inside it."""
    query = select(LoginAttempt).where(LoginAttempt.key == key).with_for_update()
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        row = LoginAttempt(key=key, failures=0, first_ms=now, locked_until_ms=None)
        session.add(row)
    if (row.locked_until_ms or 0) <= now:
        if row.first_ms < now - MEMORY_MS:
            row.failures = 0
        row.first_ms = now
        row.locked_until_ms = None
    return row


def account_key(account: str) -> str:
    return f"account:{account.strip().casefold()[:100]}"


def _address(address: str) -> str:
    return f"address:{subscriber(address)[:100]}"
