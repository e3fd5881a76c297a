"""``python -m server create-admin``: the first account of an installation, or one more administrator."""

from __future__ import annotations

import argparse
import asyncio
import re

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.passwords import Passwords, generate_password
from server.clock import Clock, SystemClock
from server.ids import new_id
from server.settings import load_settings
from server.storage.accounts import account_by_login
from server.storage.engine import Database
from server.storage.migrate import migrate
from server.storage.models import Account, Member, Membership, Organisation, RoleGrant
from server.storage.organisations import root_organisation

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}\Z")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--login", help="asked for when it is left out")
    parser.add_argument("--name", help="of the person (default: 管理员)", default="管理员")
    parser.add_argument("--organisation", help="name of the top organisation, when there is none yet", default="党委")


def run(options: argparse.Namespace) -> int:
    login = options.login or input("login: ")
    password = asyncio.run(_create(login, options.name, options.organisation))
    print(f"login:    {login.strip().casefold()}")
    print(f"password: {password}")
    print("It is shown this once and kept nowhere.")
    return 0


async def _create(login: str, name: str, organisation: str) -> str:
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    db = Database(settings.effective_database_url)
    passwords = Passwords()
    try:
        await migrate(db)
        return await create_admin(db, passwords, SystemClock(), login, name, organisation)
    finally:
        await passwords.close()
        await db.close()


async def create_admin(
    db: Database, passwords: Passwords, clock: Clock, login: str, name: str, organisation: str
) -> str:
    """The generated password. Raises ValueError for a login that is taken or cannot be one."""
    login = login.strip().casefold()
    if not _LOGIN.match(login):
        raise ValueError("a login is 2 to 64 letters, digits, dots, hyphens or underscores")
    password = generate_password()
    password_hash = await passwords.hash(password)
    now = clock.now_ms()
    async with db.session() as session:
        if await account_by_login(session, login) is not None:
            raise ValueError(f"the login {login} is taken")
        root = await root_organisation(session) or await _make_root(session, organisation)
        member = Member(id=new_id(), name=name, status="full")
        session.add(member)
        await session.flush()
        account = Account(
            id=new_id(),
            member_id=member.id,
            login=login,
            password_hash=password_hash,
            created_ms=now,
        )
        session.add_all(
            [
                account,
                Membership(id=new_id(), member_id=member.id, organisation_id=root.id, kind="home", valid_from_ms=now),
            ]
        )
        await session.flush()
        session.add(RoleGrant(id=new_id(), account_id=account.id, organisation_id=root.id, role="admin"))
    return password


async def _make_root(session: AsyncSession, name: str) -> Organisation:
    root_id = new_id()
    root = Organisation(
        id=root_id, parent_id=None, path=root_id, kind="party_committee", name=name, short_name=name[:60], settings={}
    )
    session.add(root)
    await session.flush()
    return (await session.execute(select(Organisation).where(Organisation.id == root_id))).scalar_one()
