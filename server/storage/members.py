"""Queries about members and their ties to organisations."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.planning.roll import WIDE_KINDS, Person
from server.storage.memberships import valid_at
from server.storage.models import Member, Membership, Organisation


async def people_of(session: AsyncSession, organisation: Organisation, at_ms: int) -> list[Person]:
    """Everybody tied to the organisation at that time; for a committee also those of the branches below it."""
    here = Membership.organisation_id == organisation.id
    if organisation.kind in WIDE_KINDS:
        here = Organisation.path.startswith(organisation.path + "/", autoescape=True) | here
    found = await session.execute(
        select(Member, Membership)
        .join(Membership, Membership.member_id == Member.id)
        .join(Organisation, Membership.organisation_id == Organisation.id)
        .where(here, valid_at(at_ms))
        .order_by(Member.id, Membership.id)
    )
    rows = found.all()
    groups = await _group_names(session, {member.id for member, _ in rows}, at_ms)
    return [
        # A post in a branch below is no post in the committee that meets.
        _person(member, tie, groups, post=tie.post if tie.organisation_id == organisation.id else None)
        for member, tie in rows
    ]


async def people_by_id(session: AsyncSession, ids: frozenset[str], at_ms: int) -> dict[str, Person]:
    """Guests: people who have a part although they belong elsewhere."""
    if not ids:
        return {}
    found = await session.execute(select(Member).where(Member.id.in_(ids)))
    groups = await _group_names(session, set(ids), at_ms)
    return {
        m.id: Person(m.id, m.name, m.status, m.voting_suspended, "away", None, groups.get(m.id))
        for m in found.scalars()
    }


async def home_of(session: AsyncSession, member_id: str, at_ms: int) -> Organisation | None:
    """The branch a member belongs to."""
    found = await session.execute(
        select(Organisation)
        .join(Membership, Membership.organisation_id == Organisation.id)
        .where(Membership.member_id == member_id, Membership.kind == "home", valid_at(at_ms))
        .order_by(Membership.valid_from_ms.desc())
    )
    return found.scalars().first()


async def member_names(session: AsyncSession, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    found = await session.execute(select(Member.id, Member.name).where(Member.id.in_(ids)))
    return dict(found.all())


async def _group_names(session: AsyncSession, member_ids: set[str], at_ms: int) -> dict[str, str]:
    if not member_ids:
        return {}
    found = await session.execute(
        select(Membership.member_id, Organisation.short_name)
        .join(Organisation, Membership.organisation_id == Organisation.id)
        .where(Membership.member_id.in_(member_ids), Membership.kind == "group", valid_at(at_ms))
        .order_by(Membership.id)
    )
    return dict(found.all())


def _person(member: Member, tie: Membership, groups: dict[str, str], *, post: str | None) -> Person:
    return Person(
        member_id=member.id,
        name=member.name,
        status=member.status,
        voting_suspended=member.voting_suspended,
        tie=tie.kind,
        post=post,
        group_name=groups.get(member.id),
    )
