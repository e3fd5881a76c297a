"""Signed-in browsers: a random token in the cookie, its SHA-256 in the table. Revoked on the server, at once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Delete, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.auth.passwords import Passwords, weakness
from server.auth.throttle import Throttle
from server.clock import Clock
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.storage.accounts import account_by_login, load_actor
from server.storage.engine import Database
from server.storage.models import Account, LoginSession
from server.telemetry.counters import count

IDLE_MS = 2 * 3_600_000
LONGEST_MS = 7 * 24 * 3_600_000  # then the password is asked for again, used or not
SEEN_EVERY_MS = 60_000  # a row is written at most once a minute, not once a request


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that holds. ``token`` goes into the cookie and nowhere else."""

    token: str
    csrf_token: str
    actor: Actor
    login: str
    must_change_password: bool


class Sessions:
    """Login, look-up, step-up and revocation."""

    def __init__(self, db: Database, clock: Clock, passwords: Passwords, throttle: Throttle) -> None:
        self._db = db
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle

    async def login(
        self, login: str, password: str, *, address: str, user_agent: str = "", old_token: str | None = None
    ) -> SignedIn:
        """A new token each time; ``old_token`` ends. Raises AppError BAD_CREDENTIALS or LOGIN_THROTTLED."""
        await self._throttle.admit(login, address)
        async with self._db.session() as session:
            account = await account_by_login(session, login)
        usable = account is not None and not account.disabled
        stored = account.password_hash if account is not None and usable else None
        if not await self._passwords.matches(stored, password) or account is None:
            raise await self._refused(login)
        async with self._db.session() as session:
            # Comparing took a while: a password that was changed meanwhile opens nothing any more.
            account = await session.get(Account, account.id, with_for_update=True)
            if account is None or account.disabled or account.password_hash != stored:
                raise await self._refused(login)
            if old_token:
                await session.execute(_with_token(old_token))
            signed_in = await self._open(session, account, user_agent)
        await self._throttle.succeeded(login, address)
        count("logins")
        return signed_in

    async def find(self, token: str) -> SignedIn | None:
        """None: unknown, ended, idle too long, or the account was disabled."""
        now = self._clock.now_ms()
        async with self._db.session() as session:
            query = select(LoginSession, Account).join(Account, LoginSession.account_id == Account.id)
            found = (await session.execute(query.where(LoginSession.token_sha256 == _digest(token)))).one_or_none()
            if found is None:
                return None
            row, account = found
            if account.disabled or row.seen_ms < now - IDLE_MS or row.created_ms < now - LONGEST_MS:
                await session.execute(_with_token(token))
                return None
            if row.seen_ms < now - SEEN_EVERY_MS:  # of a session that ends in this moment nothing is written
                mine = LoginSession.token_sha256 == row.token_sha256
                await session.execute(update(LoginSession).where(mine).values(seen_ms=now))
            actor = await load_actor(session, account, now)
            return SignedIn(token, row.csrf_token, actor, account.login, account.must_change_password)

    async def revoke(self, token: str) -> None:
        async with self._db.session() as session:
            await session.execute(_with_token(token))

    async def revoke_all(self, account_id: str) -> None:
        async with self._db.session() as session:
            await session.execute(delete(LoginSession).where(LoginSession.account_id == account_id))

    async def confirm_password(self, actor: Actor, password: str) -> None:
        """Step-up: the password again, throttled like a login. Raises AppError BAD_CREDENTIALS or LOGIN_THROTTLED."""
        async with self._db.session() as session:
            account = await session.get(Account, actor.account_id)
        if account is None or account.disabled:
            raise AppError(ErrorCode.NOT_SIGNED_IN, "the account is gone")
        source = f"account:{actor.account_id}"  # no network address: whoever asks is signed in already
        await self._throttle.admit(account.login, source)
        if not await self._passwords.matches(account.password_hash, password):
            raise await self._refused(account.login)
        await self._throttle.succeeded(account.login, source)

    async def change_password(self, signed_in: SignedIn, old: str, new: str) -> None:
        """Ends all other sessions of the account. Raises AppError VALIDATION, BAD_CREDENTIALS, LOGIN_THROTTLED."""
        actor = signed_in.actor
        await self.confirm_password(actor, old)
        if reason := weakness(new, old=old, login=signed_in.login):
            raise AppError(ErrorCode.VALIDATION, "this password is not accepted", fields={"new": reason})
        await set_password(
            self._db,
            actor.account_id,
            await self._passwords.hash(new),
            must_change=False,
            keep_token_sha256=_digest(signed_in.token),
        )
        count("passwords_changed")

    async def forget_old(self) -> None:
        now = self._clock.now_ms()
        async with self._db.session() as session:
            stale = (LoginSession.seen_ms < now - IDLE_MS) | (LoginSession.created_ms < now - LONGEST_MS)
            await session.execute(delete(LoginSession).where(stale))
        await self._throttle.forget_old()

    async def _refused(self, login: str) -> AppError:
        count("logins_refused")
        left = await self._throttle.tries_left(login)
        return AppError(ErrorCode.BAD_CREDENTIALS, "account or password is wrong", fields={"tries_left": str(left)})

    async def _open(self, session: AsyncSession, account: Account, user_agent: str) -> SignedIn:
        now = self._clock.now_ms()
        token, csrf_token = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        session.add(
            LoginSession(
                token_sha256=_digest(token),
                account_id=account.id,
                csrf_token=csrf_token,
                created_ms=now,
                seen_ms=now,
                user_agent=user_agent[:255],
            )
        )
        actor = await load_actor(session, account, now)
        return SignedIn(token, csrf_token, actor, account.login, account.must_change_password)


async def set_password(
    db: Database, account_id: str, password_hash: str, *, must_change: bool, keep_token_sha256: str = ""
) -> None:
    """One transaction: the new password, and the end of every session but the one that is kept."""
    async with db.session() as session:
        values = {"password_hash": password_hash, "must_change_password": must_change}
        await session.execute(update(Account).where(Account.id == account_id).values(**values))
        others = LoginSession.token_sha256 != keep_token_sha256
        await session.execute(delete(LoginSession).where(LoginSession.account_id == account_id, others))


def same_token(given: str | None, expected: str) -> bool:
    """In constant time."""
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def _with_token(token: str) -> Delete:
    return delete(LoginSession).where(LoginSession.token_sha256 == _digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
