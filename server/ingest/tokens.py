"""Tokens of encoders and players: random, kept as a hash, for one meeting and one issuer, over with the meeting.

They live in a program's settings for hours, so that they are good many times; the rights of whoever made one are read
again at each use. Never logged, never in an URL.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.auth.rights import Action, Target, can
from server.clock import Clock
from server.errors import AppError, ForbiddenError, NotFoundError
from server.ids import new_id
from server.ingest.offers import Kind
from server.planning.door import SHUTS_AFTER_MS
from server.protocol.codes import ErrorCode
from server.protocol.models import MeetingState
from server.protocol.ways import IngestTokenInfo, IngestTokenRequest
from server.storage.accounts import load_actor
from server.storage.engine import Database
from server.storage.meetings import meeting_with_target
from server.storage.models import Account, IngestTokenRow, Meeting

MAX_LIVING = 8  # of one member in one meeting
_TOKEN_BYTES = 32
_OVER = (MeetingState.ENDED, MeetingState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A good token: who made it, for what."""

    token_id: str
    meeting: Meeting
    actor: Actor
    name: str


class IngestTokens:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def issue(self, actor: Actor, meeting_id: str, wish: IngestTokenRequest) -> tuple[str, IngestTokenInfo]:
        """The token, which nobody can read again. Raises AppError NOT_FOUND, FORBIDDEN, MEETING_STATE, CONFLICT."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now_ms = self._clock.now_ms()
        async with self._db.session() as session:
            meeting = await _manageable(session, actor, meeting_id)
            if meeting.state in _OVER:
                raise AppError(ErrorCode.MEETING_STATE, f"the meeting is {meeting.state}")
            living = select(func.count()).where(
                IngestTokenRow.meeting_id == meeting_id,
                IngestTokenRow.member_id == actor.member_id,
                IngestTokenRow.revoked_ms.is_(None),
            )
            if (await session.scalar(living) or 0) >= MAX_LIVING:
                raise AppError(ErrorCode.CONFLICT, f"{MAX_LIVING} tokens are out; revoke one first")
            row = IngestTokenRow(
                id=new_id(),
                token_sha256=_digest(token),
                meeting_id=meeting_id,
                member_id=actor.member_id,
                account_id=actor.account_id,
                kind=wish.kind,
                name=wish.name,
                created_ms=now_ms,
                expires_ms=meeting.end_ms + SHUTS_AFTER_MS,
                revoked_ms=None,
            )
            session.add(row)
            return token, _info(row)

    async def living(self, actor: Actor, meeting_id: str) -> tuple[IngestTokenInfo, ...]:
        """Raises AppError NOT_FOUND, FORBIDDEN."""
        async with self._db.session() as session:
            await _manageable(session, actor, meeting_id)
            query = (
                select(IngestTokenRow)
                .where(IngestTokenRow.meeting_id == meeting_id, IngestTokenRow.revoked_ms.is_(None))
                .order_by(IngestTokenRow.created_ms, IngestTokenRow.id)
            )
            return tuple(_info(row) for row in (await session.execute(query)).scalars())

    async def revoke(self, actor: Actor, meeting_id: str, token_id: str) -> str:
        """Whose it was. Of this meeting, whoever made it. Raises AppError NOT_FOUND, FORBIDDEN."""
        async with self._db.session() as session:
            await _manageable(session, actor, meeting_id)
            row = await session.get(IngestTokenRow, token_id)
            if row is None or row.meeting_id != meeting_id:
                raise NotFoundError("no such token")
            member_id = row.member_id
            mine = update(IngestTokenRow).where(IngestTokenRow.id == token_id, IngestTokenRow.revoked_ms.is_(None))
            await session.execute(mine.values(revoked_ms=self._clock.now_ms()))
        return member_id

    async def bearer(self, token: str, meeting_id: str, kind: Kind) -> Bearer:
        """Raises AppError TICKET_INVALID, TICKET_EXPIRED, ROOM_CLOSED, FORBIDDEN: rights as they are now."""
        now_ms = self._clock.now_ms()
        async with self._db.session() as session:
            found = await session.execute(select(IngestTokenRow).where(IngestTokenRow.token_sha256 == _digest(token)))
            row = found.scalar_one_or_none()
            if row is None or (row.meeting_id, row.kind) != (meeting_id, kind) or row.revoked_ms is not None:
                raise AppError(ErrorCode.TICKET_INVALID, "this is no token for this address")
            account = await session.get(Account, row.account_id)
            if account is None or account.disabled:
                raise AppError(ErrorCode.TICKET_INVALID, "the account of this token is gone")
            meeting, target = await meeting_with_target(session, meeting_id)
            if meeting.state in _OVER:
                raise AppError(ErrorCode.ROOM_CLOSED, f"the meeting is {meeting.state}")
            if now_ms >= row.expires_ms:
                raise AppError(ErrorCode.TICKET_EXPIRED, "the token is as old as the meeting")
            actor = await load_actor(session, account, now_ms)
            _check_right(actor, target)
            return Bearer(row.id, meeting, actor, row.name)


async def _manageable(session: AsyncSession, actor: Actor, meeting_id: str) -> Meeting:
    meeting, target = await meeting_with_target(session, meeting_id)
    if not can(actor, Action.SEE_MEETING, target):
        raise NotFoundError("no such meeting")
    _check_right(actor, target)
    return meeting


def _check_right(actor: Actor, target: Target) -> None:
    """Who keeps the meeting's record, and may be in its room: an encoder or player stands beside its member."""
    if not (can(actor, Action.KEEP_RECORD, target) and can(actor, Action.JOIN_MEETING, target)):
        raise ForbiddenError("only host, recorder and secretary on the roll bring encoders and players")


def _info(row: IngestTokenRow) -> IngestTokenInfo:
    return IngestTokenInfo(
        token_id=row.id,
        kind="whip" if row.kind == "whip" else "whep",
        name=row.name,
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
    )


def _digest(token: str) -> str:
    """Not slow on purpose: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
