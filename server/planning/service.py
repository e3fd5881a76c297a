"""Scheduling: a meeting with its number, its parts and its expected roll; the roll is frozen when it starts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.actor import Actor
from server.auth.rights import Action, Target, can
from server.clock import Clock
from server.errors import AppError, ForbiddenError, NotFoundError
from server.ids import new_id
from server.planning.profiles import MeetingProfile, Profiles
from server.planning.roll import Parts, RollRow, build_roll, expected_people
from server.protocol.codes import ErrorCode
from server.protocol.http import MeetingInput, MeetingTypeRule, MemberRef, PlanningOptions
from server.protocol.models import MeetingState, MeetingType, RoomRole
from server.storage.engine import Database
from server.storage.members import people_by_id, people_of
from server.storage.models import ExpectedMember, Meeting, Organisation
from server.storage.organisations import organisation_ref, organisations_at

LONGEST_MS = 24 * 3_600_000
GRACE_MS = 12 * 3_600_000  # a meeting may be entered a little after it should have begun, not days later
# One time zone without summer time since 1991: the year of a meeting is the year there.
CHINA_OFFSET_MS = 8 * 3_600_000
GROUP_TYPES = frozenset({MeetingType.GROUP_MEETING, MeetingType.PARTY_LESSON, MeetingType.THEME_DAY})


@dataclass(frozen=True, slots=True)
class FrozenRoll:
    """The roll as it stands from the start of the meeting on. ``roll``: (member_id, has_vote) of 应到."""

    rows: tuple[RollRow, ...]
    rule: str

    @property
    def roll(self) -> list[tuple[str, bool]]:
        return [(row.member_id, row.has_vote) for row in self.rows if row.counted]

    @property
    def expected(self) -> int:
        return len(self.roll)

    @property
    def expected_voting(self) -> int:
        return sum(vote for _, vote in self.roll)


class Planning:
    """What may be scheduled by whom, and who is expected."""

    def __init__(self, db: Database, clock: Clock, profiles: Profiles) -> None:
        self._db = db
        self._clock = clock
        self._numbering = asyncio.Lock()
        self.profiles = profiles

    def profile(self, type_: MeetingType | str) -> MeetingProfile:
        return self.profiles.types[MeetingType(type_)]

    async def options(self, actor: Actor, organisation_id: str | None) -> PlanningOptions:
        """For the organisation asked for, or the first one where the actor may schedule."""
        now = self._clock.now_ms()
        async with self._db.session() as session:
            places = await organisations_at(session, schedules_at(actor), now)
            if organisation_id is not None and organisation_id not in {place.id for place in places}:
                raise ForbiddenError("no right to schedule there")
            chosen = next((p for p in places if organisation_id in (None, p.id)), None)
            people = await people_of(session, chosen, now) if chosen else []
        if chosen is None:
            return PlanningOptions(organisations=(), members=(), types=())
        names = {p.member_id: p for p in people}.values()
        return PlanningOptions(
            organisations=tuple(organisation_ref(place) for place in places),
            members=tuple(MemberRef(member_id=p.member_id, name=p.name, status=p.status) for p in names),
            types=tuple(
                MeetingTypeRule(
                    type=profile.type,
                    quorum_percent=profile.quorum_percent,
                    records_by_default=profile.records_by_default,
                    expected=len(expected_people(people, profile.expected, chosen.kind)),
                )
                for profile in self.profiles.types.values()
                if type_fits(profile.type, chosen.kind)
            ),
        )

    async def create(self, actor: Actor, wish: MeetingInput, *, as_of_ms: int | None = None) -> str:
        """The new meeting's id. Raises AppError FORBIDDEN, NOT_FOUND or VALIDATION with the fields to correct.

        ``as_of_ms``: scheduled then, for what is entered afterwards (the demonstration's past lesson).
        """
        now = self._clock.now_ms() if as_of_ms is None else as_of_ms
        async with self._numbering, self._db.session() as session:
            query = select(Organisation).where(Organisation.id == wish.organisation_id).with_for_update()
            organisation = (await session.execute(query)).scalar_one_or_none()
            if organisation is None:
                raise NotFoundError("no such organisation")
            if not can(actor, Action.SCHEDULE_MEETING, Target(path=organisation.path)):
                raise ForbiddenError("no right to schedule there")
            check_wish(wish, organisation, now)
            rows = await self._roll(session, organisation, wish.type, _parts_of(wish), wish.start_ms)
            _check_people(wish, rows)
            meeting = await self._meeting(session, wish, actor, now)
            session.add(meeting)
            await session.flush()  # the rows of the roll refer to the meeting
            session.add_all(_expected_member(meeting.id, row) for row in rows)
        return meeting.id

    async def cancel(self, meeting_id: str) -> None:
        """Only what has not begun. Raises AppError MEETING_STATE."""
        async with self._db.session() as session:
            # One statement: between a look and a change the meeting might begin.
            scheduled = and_(Meeting.id == meeting_id, Meeting.state == MeetingState.SCHEDULED.value)
            cancelling = update(Meeting).where(scheduled).values(state=MeetingState.CANCELLED.value)
            if (await session.execute(cancelling.returning(Meeting.id))).scalar_one_or_none() is not None:
                return
            meeting = await session.get(Meeting, meeting_id)
            if meeting is None:
                raise NotFoundError("no such meeting")
            raise AppError(ErrorCode.MEETING_STATE, f"a meeting that is {meeting.state} cannot be cancelled")

    async def freeze_roll(self, meeting_id: str) -> FrozenRoll:
        """At the start: who belongs to the organisation now. Leave that was given before stays on the roll."""
        now = self._clock.now_ms()
        async with self._db.session() as session:
            meeting = await session.get(Meeting, meeting_id)
            if meeting is None:
                raise NotFoundError("no such meeting")
            organisation = await session.get_one(Organisation, meeting.organisation_id)
            found = await session.execute(select(ExpectedMember).where(ExpectedMember.meeting_id == meeting_id))
            before = {row.member_id: row for row in found.scalars()}
            observers = frozenset(row.member_id for row in before.values() if row.role == RoomRole.OBSERVER)
            parts = Parts(meeting.host_member_id, meeting.recorder_member_id, meeting.lecturer_member_id, observers)
            rows = await self._roll(session, organisation, MeetingType(meeting.type), parts, now)
            await _replace(session, meeting_id, before, rows)
        return FrozenRoll(rows=tuple(rows), rule=meeting.rule_version)

    async def _roll(
        self, session: AsyncSession, organisation: Organisation, type_: MeetingType, parts: Parts, at_ms: int
    ) -> list[RollRow]:
        people = await people_of(session, organisation, at_ms)
        expected = expected_people(people, self.profile(type_).expected, organisation.kind)
        guests = await people_by_id(session, parts.all - expected.keys(), at_ms)
        return build_roll(expected, guests, parts)

    async def _meeting(self, session: AsyncSession, wish: MeetingInput, actor: Actor, now: int) -> Meeting:
        year = datetime.fromtimestamp((wish.start_ms + CHINA_OFFSET_MS) / 1000, UTC).year
        highest = await session.execute(
            select(func.max(Meeting.ordinal)).where(
                Meeting.organisation_id == wish.organisation_id,
                Meeting.type == wish.type.value,
                Meeting.year == year,
                Meeting.state != MeetingState.CANCELLED.value,
            )
        )
        record = self.profile(wish.type).records_by_default if wish.record is None else wish.record
        return Meeting(
            id=new_id(),
            organisation_id=wish.organisation_id,
            type=wish.type.value,
            title=wish.title.strip(),
            ordinal=(highest.scalar_one_or_none() or 0) + 1,
            year=year,
            place=wish.place.strip(),
            state=MeetingState.SCHEDULED.value,
            start_ms=wish.start_ms,
            end_ms=wish.end_ms,
            host_member_id=wish.host_member_id,
            recorder_member_id=wish.recorder_member_id,
            lecturer_member_id=wish.lecturer_member_id,
            agenda=[
                {"item_id": new_id(), "title": item.title.strip(), "planned_minutes": item.planned_minutes}
                for item in wish.agenda
            ],
            record=record,
            rule_version=self.profiles.version,
            created_by=actor.member_id,
            created_ms=now,
        )


def schedules_at(actor: Actor) -> set[str]:
    """Paths of the organisations where the actor may schedule."""
    return {r.path for r in actor.roles if can(actor, Action.SCHEDULE_MEETING, Target(path=r.path))}


def type_fits(type_: MeetingType, kind: str) -> bool:
    """A group holds group meetings (and its share of lessons and days); group meetings are held by groups only."""
    if kind == "party_group":
        return type_ in GROUP_TYPES
    return type_ is not MeetingType.GROUP_MEETING


def check_wish(wish: MeetingInput, organisation: Organisation, now: int) -> None:
    """Raises AppError VALIDATION naming each field."""
    wrong: dict[str, str] = {}
    if not wish.not_classified:
        wrong["not_classified"] = "must be confirmed: no classified content"
    if not wish.title.strip():
        wrong["title"] = "must not be empty"
    if not type_fits(wish.type, organisation.kind):
        wrong["type"] = f"a {organisation.kind} does not hold this type"
    if organisation.ends_ms is not None and wish.start_ms >= organisation.ends_ms:
        wrong["organisation_id"] = "the organisation has ended by then"
    if wish.start_ms < now - GRACE_MS:
        wrong["start_ms"] = "lies in the past"
    if not wish.start_ms < wish.end_ms <= wish.start_ms + LONGEST_MS:
        wrong["end_ms"] = "must come after the start, within a day"
    if any(not item.title.strip() for item in wish.agenda):
        wrong["agenda"] = "an item has no title"
    if wrong:
        raise _invalid(wrong)


def _check_people(wish: MeetingInput, rows: list[RollRow]) -> None:
    """Host and recorder belong to the meeting; nobody may be named who does not exist."""
    known = {row.member_id: row for row in rows}
    wrong = {
        name: "no such member"
        for name, member_id in (
            ("host_member_id", wish.host_member_id),
            ("recorder_member_id", wish.recorder_member_id),
            ("lecturer_member_id", wish.lecturer_member_id),
        )
        if member_id is not None and member_id not in known
    }
    if any(observer not in known for observer in wish.observer_member_ids):
        wrong["observer_member_ids"] = "no such member"
    if {wish.host_member_id, wish.recorder_member_id} & set(wish.observer_member_ids):
        wrong["observer_member_ids"] = "host and recorder are not observers"
    if not any(row.counted for row in rows):
        wrong["organisation_id"] = "nobody would be expected"
    if wrong:
        raise _invalid(wrong)


def _invalid(fields: dict[str, str]) -> AppError:
    return AppError(ErrorCode.VALIDATION, "some fields are not as they must be", fields=fields)


def _parts_of(wish: MeetingInput) -> Parts:
    return Parts(
        wish.host_member_id, wish.recorder_member_id, wish.lecturer_member_id, frozenset(wish.observer_member_ids)
    )


def _expected_member(meeting_id: str, row: RollRow, before: ExpectedMember | None = None) -> ExpectedMember:
    return ExpectedMember(
        meeting_id=meeting_id,
        member_id=row.member_id,
        role=row.role.value,
        name=row.name,
        status=row.status,
        group_name=row.group_name,
        has_vote=row.has_vote,
        counted=row.counted,
        leave_reason=before.leave_reason if before else None,
        leave_approved_by=before.leave_approved_by if before else None,
    )


async def _replace(
    session: AsyncSession, meeting_id: str, before: dict[str, ExpectedMember], rows: list[RollRow]
) -> None:
    fresh = [_expected_member(meeting_id, row, before.get(row.member_id)) for row in rows]
    for gone in before.keys() - {row.member_id for row in rows}:
        await session.delete(before[gone])
    for row in fresh:
        await session.merge(row)
