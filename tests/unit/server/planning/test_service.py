"""Scheduling and freezing the roll, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, update

from server.auth.actor import Actor
from server.errors import AppError, ForbiddenError, NotFoundError
from server.planning.profiles import load_profiles
from server.planning.service import Planning
from server.protocol.codes import ErrorCode
from server.protocol.http import AgendaItemInput, MeetingInput
from server.protocol.models import MeetingType, RoomRole
from server.storage.engine import Database
from server.storage.models import ExpectedMember, Meeting, Member, Membership
from tests import factories
from tests.conftest import SetClock

HOUR_MS = 3_600_000


@dataclass
class Desk:
    db: Database
    clock: SetClock
    planning: Planning
    host: Actor
    places: dict[str, factories.Place]
    members: dict[str, str]

    def wish(self, **changes: Any) -> MeetingInput:
        start_ms = self.clock.now_ms() + HOUR_MS
        usual: dict[str, Any] = {
            "organisation_id": self.places["branch"].id,
            "type": MeetingType.PARTY_LESSON,
            "title": " 党课 ",
            "start_ms": start_ms,
            "end_ms": start_ms + HOUR_MS,
            "host_member_id": self.members["host"],
            "recorder_member_id": self.members["recorder"],
            "agenda": (AgendaItemInput(title="领学", planned_minutes=20),),
            "not_classified": True,
        }
        return MeetingInput(**(usual | changes))

    async def create(self, **changes: Any) -> Meeting:
        meeting_id = await self.planning.create(self.host, self.wish(**changes))
        async with self.db.session() as session:
            return await session.get_one(Meeting, meeting_id)

    async def refused(self, **changes: Any) -> AppError:
        with pytest.raises(AppError) as caught:
            await self.create(**changes)
        return caught.value

    async def roll(self, meeting_id: str) -> dict[str, ExpectedMember]:
        names = {member_id: name for name, member_id in self.members.items()}
        async with self.db.session() as session:
            found = await session.execute(select(ExpectedMember).where(ExpectedMember.meeting_id == meeting_id))
            return {names[row.member_id]: row for row in found.scalars()}


@pytest.fixture
async def desk(db: Database, clock: SetClock) -> Desk:
    places = {"committee": await factories.organisation(db, "党委", "party_committee")}
    places["branch"] = await factories.organisation(db, "第一党支部", parent=places["committee"])
    places["other"] = await factories.organisation(db, "第二党支部", parent=places["committee"])
    places["group"] = await factories.organisation(db, "第一党小组", "party_group", places["branch"])
    places["temporary"] = await factories.organisation(
        db, "临时党支部", "temporary_branch", places["committee"], ends_ms=clock.now_ms() + 48 * HOUR_MS
    )
    members = {
        "host": await factories.member(db, "主持", places["branch"], post="secretary"),
        "recorder": await factories.member(db, "记录", places["branch"], post="organisation_officer"),
        "member": await factories.member(db, "党员", places["branch"]),
        "new": await factories.member(db, "预备", places["branch"], status="probationary"),
        "activist": await factories.member(db, "积极分子", places["branch"], status="activist"),
        "suspended": await factories.member(db, "察看", places["branch"], suspended=True),
        "elsewhere": await factories.member(db, "外支部", places["other"]),
    }
    await factories.tie(db, members["member"], places["group"], "group")
    await factories.tie(db, members["host"], places["group"], "group")
    await factories.tie(db, members["elsewhere"], places["branch"], "away")
    for name in ("host", "recorder", "elsewhere"):
        await factories.tie(db, members[name], places["temporary"], "attached")
    roles: tuple[tuple[Any, factories.Place], ...] = (
        ("host", places["branch"]),
        ("host", places["group"]),
        ("host", places["temporary"]),
    )
    account_id = await factories.account(db, members["host"], "host", roles=roles)
    host = await factories.actor(db, account_id, clock.now_ms())
    return Desk(db, clock, Planning(db, clock, load_profiles()), host, places, members)


async def test_a_scheduled_lesson_with_its_roll(desk: Desk) -> None:
    meeting = await desk.create(lecturer_member_id=desk.members["elsewhere"])
    assert (meeting.title, meeting.state, meeting.ordinal, meeting.record) == ("党课", "scheduled", 1, True)
    assert (meeting.year, meeting.rule_version) == (2026, load_profiles().version)
    assert meeting.agenda[0]["title"] == "领学"
    roll = await desk.roll(meeting.id)
    assert {name for name, row in roll.items() if row.counted} == {"host", "recorder", "member", "new", "suspended"}
    assert {name for name, row in roll.items() if row.has_vote} == {"host", "recorder", "member"}
    assert (roll["elsewhere"].role, roll["elsewhere"].counted) == ("lecturer", False)
    assert (roll["host"].role, roll["recorder"].role, roll["member"].role) == ("host", "recorder", "member")
    assert roll["member"].group_name == "第一党小组"


async def test_meetings_are_numbered_by_organisation_type_and_year(desk: Desk) -> None:
    assert [(await desk.create()).ordinal for _ in range(2)] == [1, 2]
    assert (await desk.create(type=MeetingType.THEME_DAY)).ordinal == 1
    third = await desk.create()
    assert third.ordinal == 3
    await desk.planning.cancel(third.id)
    assert (await desk.create()).ordinal == 3
    # 2026-12-31 16:30 UTC is New Year's Day in China.
    new_year_ms = 1_798_734_600_000
    later = await desk.create(start_ms=new_year_ms, end_ms=new_year_ms + HOUR_MS)
    assert (later.year, later.ordinal) == (2027, 1)


async def test_two_who_schedule_at_once_get_two_numbers(desk: Desk) -> None:
    made = await asyncio.gather(*(desk.create() for _ in range(5)))
    assert sorted(meeting.ordinal for meeting in made) == [1, 2, 3, 4, 5]


async def test_recording_follows_the_type_unless_one_says_otherwise(desk: Desk) -> None:
    assert not (await desk.create(type=MeetingType.ORG_LIFE_MEETING)).record
    assert (await desk.create(type=MeetingType.ORG_LIFE_MEETING, record=True)).record
    assert not (await desk.create(record=False)).record


async def test_committee_group_and_temporary_branch(desk: Desk) -> None:
    committee = await desk.roll((await desk.create(type=MeetingType.COMMITTEE_MEETING)).id)
    assert {name for name, row in committee.items() if row.counted} == {"host", "recorder"}
    group = await desk.roll(
        (await desk.create(organisation_id=desk.places["group"].id, type=MeetingType.GROUP_MEETING)).id
    )
    assert {name for name, row in group.items() if row.counted} == {"host", "member"}
    temporary = await desk.roll((await desk.create(organisation_id=desk.places["temporary"].id)).id)
    assert {name for name, row in temporary.items() if row.has_vote} == {"host", "recorder", "elsewhere"}


async def test_observers_are_on_the_roll_but_not_counted(desk: Desk) -> None:
    observers = (desk.members["activist"], desk.members["member"])
    roll = await desk.roll((await desk.create(observer_member_ids=observers)).id)
    for name in ("activist", "member"):
        assert (roll[name].role, roll[name].counted, roll[name].has_vote) == (RoomRole.OBSERVER, False, False)


async def test_what_cannot_be_is_refused_by_field(desk: Desk) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"not_classified": False}, "not_classified"),
        ({"title": "   "}, "title"),
        ({"end_ms": 1}, "end_ms"),
        ({"start_ms": 5, "end_ms": 10}, "start_ms"),
        ({"type": MeetingType.GROUP_MEETING}, "type"),
        ({"host_member_id": "0" * 32}, "host_member_id"),
        ({"recorder_member_id": "nobody"}, "recorder_member_id"),
        ({"lecturer_member_id": "nobody"}, "lecturer_member_id"),
        ({"observer_member_ids": ("nobody",)}, "observer_member_ids"),
        ({"agenda": (AgendaItemInput(title=" "),)}, "agenda"),
    ]
    for changes, field in wrong:
        error = await desk.refused(**changes)
        assert error.code is ErrorCode.VALIDATION
        assert set(error.fields) == {field}


async def test_a_temporary_branch_holds_nothing_after_its_end(desk: Desk) -> None:
    start_ms = desk.clock.now_ms() + 49 * HOUR_MS
    error = await desk.refused(
        organisation_id=desk.places["temporary"].id, start_ms=start_ms, end_ms=start_ms + HOUR_MS
    )
    assert set(error.fields) == {"organisation_id"}


async def test_one_schedules_only_where_one_may(desk: Desk) -> None:
    for place in ("committee", "other"):
        with pytest.raises(ForbiddenError):
            await desk.create(organisation_id=desk.places[place].id)
    with pytest.raises(NotFoundError):
        await desk.create(organisation_id="0" * 32)
    with pytest.raises(ForbiddenError):
        await desk.planning.options(desk.host, desk.places["other"].id)


async def test_only_what_has_not_begun_is_cancelled(desk: Desk) -> None:
    meeting = await desk.create()
    async with desk.db.session() as session:
        await session.execute(update(Meeting).values(state="live"))
    with pytest.raises(AppError) as caught:
        await desk.planning.cancel(meeting.id)
    assert caught.value.code is ErrorCode.MEETING_STATE
    with pytest.raises(NotFoundError):
        await desk.planning.cancel("0" * 32)


async def test_the_roll_is_taken_again_at_the_start(desk: Desk) -> None:
    meeting = await desk.create(observer_member_ids=(desk.members["activist"],))
    desk.clock.advance(HOUR_MS)
    now = desk.clock.now_ms()
    async with desk.db.session() as session:
        await session.execute(
            update(ExpectedMember)
            .where(ExpectedMember.member_id == desk.members["new"])
            .values(leave_reason="sick", leave_approved_by=desk.members["host"])
        )
        await session.execute(
            update(Membership).where(Membership.member_id == desk.members["member"]).values(valid_to_ms=now)
        )
        await session.execute(update(Member).where(Member.id == desk.members["new"]).values(status="full"))
    desk.members["late"] = await factories.member(desk.db, "新来", desk.places["branch"])
    frozen = await desk.planning.freeze_roll(meeting.id)
    counted = {"host", "recorder", "new", "suspended", "late"}
    assert {member_id for member_id, _ in frozen.roll} == {desk.members[name] for name in counted}
    assert (frozen.expected, frozen.expected_voting) == (5, 4)
    assert frozen.rule == meeting.rule_version
    roll = await desk.roll(meeting.id)
    assert "member" not in roll
    assert (roll["new"].leave_reason, roll["new"].has_vote) == ("sick", True)
    assert roll["activist"].role == "observer"
    again = await desk.planning.freeze_roll(meeting.id)
    assert again == frozen


async def test_the_form_offers_what_the_rules_allow(desk: Desk) -> None:
    options = await desk.planning.options(desk.host, None)
    assert {place.name for place in options.organisations} == {"第一党支部", "第一党小组", "临时党支部"}
    branch = await desk.planning.options(desk.host, desk.places["branch"].id)
    assert {rule.type.value: rule.expected for rule in branch.types} == {
        "general_meeting": 5,
        "committee_meeting": 2,
        "party_lesson": 5,
        "theme_day": 5,
        "org_life_meeting": 5,
        "member_appraisal": 5,
    }
    assert {member.name for member in branch.members} >= {"主持", "预备", "积极分子", "外支部"}
    assert len(branch.members) == len({member.member_id for member in branch.members})


async def test_a_committee_above_expects_the_members_of_its_branches(desk: Desk) -> None:
    account = await factories.account(
        desk.db, desk.members["elsewhere"], "secretary", roles=(("secretary", desk.places["committee"]),)
    )
    actor = await factories.actor(desk.db, account, desk.clock.now_ms())
    options = await desk.planning.options(actor, desk.places["committee"].id)
    expected = {rule.type: rule.expected for rule in options.types}
    assert expected[MeetingType.PARTY_LESSON] == 6
    assert expected[MeetingType.COMMITTEE_MEETING] == 0


async def test_who_may_schedule_nowhere_is_offered_nothing(desk: Desk) -> None:
    account = await factories.account(desk.db, desk.members["member"], "member")
    actor = await factories.actor(desk.db, account, desk.clock.now_ms())
    options = await desk.planning.options(actor, None)
    assert (options.organisations, options.members, options.types) == ((), (), ())
