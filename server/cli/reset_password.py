"""``python -m server reset-password <account>``: a new password for somebody who cannot log in any more."""

from __future__ import annotations

import argparse
import asyncio

from sqlalchemy import delete

from server.auth.passwords import Passwords, generate_password
from server.auth.sessions import set_password
from server.auth.throttle import account_key
from server.settings import load_settings
from server.storage.accounts import account_by_login
from server.storage.engine import Database
from server.storage.migrate import migrate
from server.storage.models import LoginAttempt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", help="the login")


def run(options: argparse.Namespace) -> int:
    password = asyncio.run(_reset(options.account))
    print(f"login:    {options.account.strip().casefold()}")
    print(f"password: {password}")
    print("It is shown this once and kept nowhere. Every session of this account has ended.")
    return 0


async def _reset(login: str) -> str:
    settings = load_settings()
    settings.require_database()
    db = Database(settings.effective_database_url)
    passwords = Passwords()
    try:
        await migrate(db)
        return await reset_password(db, passwords, login)
    finally:
        await passwords.close()
        await db.close()


async def reset_password(db: Database, passwords: Passwords, login: str) -> str:
    """The generated password, to be changed at the next login. Raises ValueError for an unknown account."""
    async with db.session() as session:
        account = await account_by_login(session, login)
    if account is None:
        raise ValueError(f"there is no account {login.strip().casefold()}")
    password = generate_password()
    await set_password(db, account.id, await passwords.hash(password), must_change=True)
    async with db.session() as session:  # whoever tried too often before may try the new one at once
        await session.execute(delete(LoginAttempt).where(LoginAttempt.key == account_key(account.login)))
    return password
