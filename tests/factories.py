"""Rows that tests need before they can begin: organisations, members, accounts."""

from __future__ import annotations

from dataclasses import dataclass

from server.auth.actor import Actor, Role
from server.ids import new_id
from server.storage.accounts import load_actor
from server.storage.engine import Database
from server.storage.models import Account, Member, Membership, Organisation, RoleGrant

SINCE_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Place:
    id: str
    path: str


async def organisation(
    db: Database, name: str, kind: str = "branch", parent: Place | None = None, ends_ms: int | None = None
) -> Place:
    own = new_id()
    path = f"{parent.path}/{own}" if parent else own
    async with db.session() as session:
        session.add(
            Organisation(
                id=own,
                parent_id=parent.id if parent else None,
                path=path,
                kind=kind,
                name=name,
                short_name=name,
                ends_ms=ends_ms,
                settings={},
            )
        )
    return Place(own, path)


async def member(
    db: Database,
    name: str,
    home: Place | None = None,
    *,
    status: str = "full",
    post: str | None = None,
    suspended: bool = False,
) -> str:
    own = new_id()
    async with db.session() as session:
        session.add(Member(id=own, name=name, status=status, voting_suspended=suspended))
    if home is not None:
        await tie(db, own, home, "home", post=post)
    return own


async def tie(
    db: Database,
    member_id: str,
    place: Place,
    kind: str,
    *,
    post: str | None = None,
    from_ms: int = SINCE_MS,
    to_ms: int | None = None,
) -> None:
    async with db.session() as session:
        session.add(
            Membership(
                id=new_id(),
                member_id=member_id,
                organisation_id=place.id,
                kind=kind,
                post=post,
                valid_from_ms=from_ms,
                valid_to_ms=to_ms,
            )
        )


async def account(
    db: Database,
    member_id: str,
    login: str,
    stored: str = "-",
    roles: tuple[tuple[Role, Place], ...] = (),
) -> str:
    """``stored``: the hashed password. Without one nobody can log in."""
    own = new_id()
    async with db.session() as session:
        session.add(Account(id=own, member_id=member_id, login=login, password_hash=stored, created_ms=SINCE_MS))
        await session.flush()
        session.add_all(
            RoleGrant(id=new_id(), account_id=own, organisation_id=place.id, role=role) for role, place in roles
        )
    return own


async def actor(db: Database, account_id: str, now_ms: int) -> Actor:
    async with db.session() as session:
        return await load_actor(session, await session.get_one(Account, account_id), now_ms)
