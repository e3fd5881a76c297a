"""Fills an empty installation: people and meetings at once, the past lesson with its recording in the background."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.auth.passwords import Passwords, generate_password
from server.demo import past_lesson
from server.demo.people import (
    ATTACHED_PER_BRANCH,
    BRANCHES,
    COMMITTEE,
    GROUPS,
    HOST,
    LECTURER,
    LESSON_AGENDA,
    LESSON_TITLE,
    LOGINS,
    PEOPLE,
    PLACE,
    RECORDER,
    TEMPORARY,
    DemoLogin,
)
from server.ids import new_id
from server.protocol.http import AgendaItemInput, MeetingInput
from server.protocol.models import MeetingType
from server.services import Services
from server.storage.accounts import account_count
from server.storage.models import Account, Member, Membership, Organisation, RoleGrant
from server.storage.organisations import root_organisation

DAY_MS = 86_400_000
STARTS_IN_MS = 2 * 60_000
LESSON_MS = 45 * 60_000
LOGINS_FILE = "demo-logins.json"
# How far the laying out has come, in the settings of the top organisation: it goes on after a crash.
PHASE = "demo_phase"


async def seed_people(services: Services, passwords: Passwords) -> bool:
    """On an empty database only. True when there is now a demonstration organisation that wants its past lesson."""
    async with services.db.session() as session:
        root = await root_organisation(session)
        if root is not None or await account_count(session):
            return root is not None and root.settings.get(PHASE) == "people"
    shown = {login.login: generate_password() for login in LOGINS}
    hashes = dict(zip(shown, await asyncio.gather(*map(passwords.hash, shown.values())), strict=True))
    now = services.clock.now_ms()
    async with services.db.session() as session:
        places = await _organisations(session, now)
        members = await _members(session, places, now)
        await _accounts(session, places, members, hashes, now)
    await past_lesson.schedule(services, members, places["branch"])
    await schedule_lesson(services, members, places["branch"])
    _write_logins(services.settings.data_dir / LOGINS_FILE, shown)
    return True


async def seed_past_lesson(services: Services) -> None:
    """May take some seconds: the recording is really made and imported."""
    async with services.db.session() as session:
        root = await root_organisation(session)
        if root is None:
            return
        found = await session.execute(select(Member.name, Member.id))
        members = dict(found.all())
    await past_lesson.hold(services, members)
    async with services.db.session() as session:
        stored = await session.get_one(Organisation, root.id)
        stored.settings = {**stored.settings, PHASE: "complete"}


async def schedule_lesson(services: Services, members: dict[str, str], branch_id: str) -> str:
    """A lesson that is about to start, scheduled by the host as anybody would."""
    now = services.clock.now_ms()
    start_ms = now + STARTS_IN_MS
    return await services.planning.create(
        await past_lesson.host_of(services, members),
        MeetingInput(
            organisation_id=branch_id,
            type=MeetingType.PARTY_LESSON,
            title=LESSON_TITLE,
            start_ms=start_ms,
            end_ms=start_ms + LESSON_MS,
            host_member_id=members[HOST],
            recorder_member_id=members[RECORDER],
            lecturer_member_id=members[LECTURER],
            place=PLACE,
            agenda=tuple(AgendaItemInput(title=title, planned_minutes=minutes) for title, minutes in LESSON_AGENDA),
            not_classified=True,
        ),
    )


async def _organisations(session: AsyncSession, now: int) -> dict[str, str]:
    """Place → organisation id; "branch" is the first one, where the logins are at home."""
    root = _node(None, "party_committee", COMMITTEE, settings={PHASE: "people"})
    session.add(root)
    await session.flush()
    branches = [_node(root, "branch", names) for names in BRANCHES]
    temporary = _node(root, "temporary_branch", TEMPORARY, ends_ms=now + 60 * DAY_MS)
    session.add_all([*branches, temporary])
    await session.flush()
    groups = [_node(branches[0], "party_group", names) for names in GROUPS]
    session.add_all(groups)
    await session.flush()
    places = {"committee": root.id, "branch": branches[0].id, "temporary": temporary.id}
    places |= {f"branch-{number}": branch.id for number, branch in enumerate(branches)}
    return places | {f"group-{number}": group.id for number, group in enumerate(groups)}


def _node(
    parent: Organisation | None,
    kind: str,
    names: tuple[str, str],
    *,
    ends_ms: int | None = None,
    settings: dict[str, str] | None = None,
) -> Organisation:
    own = new_id()
    return Organisation(
        id=own,
        parent_id=parent.id if parent else None,
        path=f"{parent.path}/{own}" if parent else own,
        kind=kind,
        name=names[0],
        short_name=names[1],
        ends_ms=ends_ms,
        settings=settings or {},
    )


async def _members(session: AsyncSession, places: dict[str, str], now: int) -> dict[str, str]:
    """Name → member id."""
    since = now - 400 * DAY_MS
    members = {person.name: Member(id=new_id(), name=person.name, status=person.status) for person in PEOPLE}
    session.add_all(members.values())
    await session.flush()
    attached: dict[int, int] = {}
    for person in PEOPLE:
        own = members[person.name].id
        session.add(_tie(own, places[f"branch-{person.branch}"], "home", since, person.post))
        if person.group is not None:
            session.add(_tie(own, places[f"group-{person.group}"], "group", since))
        # The temporary branch takes a few of each branch, none of those who run it.
        if person.post is None and person.status == "full" and attached.get(person.branch, 0) < ATTACHED_PER_BRANCH:
            attached[person.branch] = attached.get(person.branch, 0) + 1
            session.add(_tie(own, places["temporary"], "attached", now - 30 * DAY_MS))
    session.add(_tie(members[HOST].id, places["temporary"], "attached", now - 30 * DAY_MS, "secretary"))
    await session.flush()
    return {name: member.id for name, member in members.items()}


def _tie(member_id: str, organisation_id: str, kind: str, since: int, post: str | None = None) -> Membership:
    return Membership(
        id=new_id(), member_id=member_id, organisation_id=organisation_id, kind=kind, post=post, valid_from_ms=since
    )


async def _accounts(
    session: AsyncSession, places: dict[str, str], members: dict[str, str], hashes: dict[str, str], now: int
) -> None:
    accounts = {
        login.login: Account(
            id=new_id(),
            member_id=members[login.name],
            login=login.login,
            password_hash=hashes[login.login],
            created_ms=now,
        )
        for login in LOGINS
    }
    session.add_all(accounts.values())
    await session.flush()
    for login in LOGINS:
        session.add_all(_grants(login, accounts[login.login].id, places))


def _grants(login: DemoLogin, account_id: str, places: dict[str, str]) -> list[RoleGrant]:
    return [
        RoleGrant(id=new_id(), account_id=account_id, organisation_id=places[place], role=role)
        for role, place in login.roles
    ]


def _write_logins(path: Path, passwords: dict[str, str]) -> None:
    """For the one who started it: the passwords stand nowhere else."""
    rows = [
        {"role": login.role, "account": login.login, "password": passwords[login.login], "name": login.name}
        for login in LOGINS
        if login.shown
    ]
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False, indent=1)
    partial.replace(path)
