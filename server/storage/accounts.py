"""Queries about accounts and what they may do."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor, Role, RoleAt
from server.storage.memberships import valid_at
from server.storage.models import Account, Member, Membership, Organisation, RoleGrant

ROLES: frozenset[Role] = frozenset({"member", "recorder", "host", "secretary", "liaison", "inspector", "admin"})


async def account_by_login(session: AsyncSession, login: str) -> Account | None:
    """Logins are kept in lower case."""
    query = select(Account).where(Account.login == login.strip().casefold())
    return (await session.execute(query)).scalar_one_or_none()


async def account_count(session: AsyncSession) -> int:
    return (await session.execute(select(func.count()).select_from(Account))).scalar_one()


async def load_actor(session: AsyncSession, account: Account, now_ms: int) -> Actor:
    """The account with the rights it has now. Roles at an organisation that has ended no longer count."""
    member = await session.get_one(Member, account.member_id)
    standing = or_(Organisation.ends_ms.is_(None), Organisation.ends_ms > now_ms)
    grants = await session.execute(
        select(RoleGrant.role, Organisation.id, Organisation.path)
        .join(Organisation, RoleGrant.organisation_id == Organisation.id)
        .where(RoleGrant.account_id == account.id, standing)
        .order_by(Organisation.path, RoleGrant.role)
    )
    homes = await session.execute(
        select(Organisation.path)
        .join(Membership, Membership.organisation_id == Organisation.id)
        .where(Membership.member_id == member.id, valid_at(now_ms), standing)
        .order_by(Organisation.path)
    )
    roles: dict[str, Role] = {role: role for role in ROLES}
    return Actor(
        account_id=account.id,
        member_id=member.id,
        name=member.name,
        roles=tuple(RoleAt(roles[role], org_id, path) for role, org_id, path in grants if role in roles),
        homes=tuple(dict.fromkeys(homes.scalars())),
    )


async def actor_of_member(session: AsyncSession, member_id: str, now_ms: int) -> Actor | None:
    """For rights that are read again without a session (a seat in a room). None: no account, or a disabled one."""
    account = (await session.execute(select(Account).where(Account.member_id == member_id))).scalar_one_or_none()
    if account is None or account.disabled:
        return None
    return await load_actor(session, account, now_ms)
