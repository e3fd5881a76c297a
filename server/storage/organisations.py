"""Queries about the tree of organisations."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.protocol.http import OrganisationRef
from server.storage.models import Organisation


def organisation_ref(row: Organisation) -> OrganisationRef:
    return OrganisationRef(organisation_id=row.id, name=row.name, kind=row.kind)


async def organisations_by_id(session: AsyncSession, ids: set[str]) -> dict[str, Organisation]:
    if not ids:
        return {}
    found = await session.execute(select(Organisation).where(Organisation.id.in_(ids)))
    return {row.id: row for row in found.scalars()}


async def organisations_at(session: AsyncSession, paths: set[str], now_ms: int) -> list[Organisation]:
    """Those of these paths that have not ended, in the order of the tree."""
    if not paths:
        return []
    standing = or_(Organisation.ends_ms.is_(None), Organisation.ends_ms > now_ms)
    found = await session.execute(
        select(Organisation).where(Organisation.path.in_(paths), standing).order_by(Organisation.path)
    )
    return list(found.scalars())


async def root_organisation(session: AsyncSession) -> Organisation | None:
    found = await session.execute(
        select(Organisation).where(Organisation.parent_id.is_(None)).order_by(Organisation.id)
    )
    return found.scalars().first()
