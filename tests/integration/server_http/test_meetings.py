"""Scheduling, looking, cancelling, entering: who may, who may not, and what each hears."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from server.ids import new_id
from server.planning.door import OPENS_BEFORE_MS
from server.protocol.http import MeetingDetail, MeetingPage
from server.storage.models import MakeupTask, Meeting, Recording
from tests.integration.server_http.conftest import HOUR_MS, Browser, Site

pytestmark = pytest.mark.integration


async def ticket(browser: Browser, meeting_id: str) -> Any:
    return await browser.post(f"/api/meetings/{meeting_id}/ticket", {"device": "phone"})


async def test_a_lesson_from_the_form_to_the_list(site: Site) -> None:
    host = await site.browser("host")
    answer = await host.post(
        "/api/meetings", site.lesson(place="二楼会议室", lecturer_member_id=site.members["member"])
    )
    assert answer.status == 200
    detail = MeetingDetail.model_validate(answer.body)
    assert (detail.summary.title, detail.summary.ordinal, detail.summary.expected) == ("党课：学习条例", 1, 4)
    assert (detail.summary.host_name, detail.summary.lecturer_name) == ("名字host", "名字member")
    assert (detail.recorder_name, detail.place, detail.can_edit) == ("名字secretary", "二楼会议室", True)
    assert [person.role.value for person in detail.people] == ["host", "recorder", "lecturer", "member"]
    assert [person.has_vote for person in detail.people] == [True, True, True, False]
    listed = MeetingPage.model_validate((await (await site.browser("member")).get("/api/meetings")).body)
    assert [row.meeting_id for row in listed.rows] == [detail.summary.meeting_id]
    assert listed.rows[0].my_role == "lecturer"


async def test_who_may_see_it_and_who_hears_that_there_is_none(site: Site) -> None:
    meeting_id = await site.meeting()
    for account, sees in (
        ("host", True),
        ("secretary", True),
        ("probationary", True),
        ("inspector", True),
        ("admin", True),
        ("outsider", False),
    ):
        browser = await site.browser(account)
        answer = await browser.get(f"/api/meetings/{meeting_id}")
        assert answer.status == (200 if sees else 404), account
        rows = (await browser.get("/api/meetings")).body["rows"]
        assert bool(rows) is sees, account
    outsider = await site.browser("outsider")
    for call in (ticket(outsider, meeting_id), outsider.post(f"/api/meetings/{meeting_id}/cancel")):
        answer = await call
        assert (answer.status, answer.code) == (404, "not_found")
    unknown = await outsider.get(f"/api/meetings/{'0' * 32}")
    assert (unknown.status, unknown.body["error"]["message"]) == (404, answer.body["error"]["message"])


async def test_who_may_schedule_where(site: Site) -> None:
    for account, allowed in (("host", True), ("secretary", True), ("member", False), ("admin", False)):
        answer = await (await site.browser(account)).post("/api/meetings", site.lesson())
        assert answer.status == (200 if allowed else 403), account
    outsider = await site.browser("outsider")
    assert (await outsider.post("/api/meetings", site.lesson())).code == "forbidden"
    own = site.lesson(
        organisation_id=site.places["temporary"].id,
        host_member_id=site.members["outsider"],
        recorder_member_id=site.members["outsider"],
    )
    assert (await outsider.post("/api/meetings", own)).body["summary"]["expected"] == 1


async def test_the_form_hears_which_fields_to_correct(site: Site) -> None:
    host = await site.browser("host")
    answer = await host.post("/api/meetings", site.lesson(title=" ", not_classified=False))
    assert (answer.status, answer.code) == (422, "validation")
    assert set(answer.body["error"]["fields"]) == {"title", "not_classified"}
    assert (await host.post("/api/meetings", site.lesson(type="party"))).body["error"]["fields"].keys() == {"type"}


async def test_tickets_are_for_the_roll_and_for_the_time_of_the_meeting(site: Site) -> None:
    meeting_id = await site.meeting()
    host, member, admin = [await site.browser(name) for name in ("host", "member", "admin")]
    early = await ticket(member, meeting_id)
    assert (early.status, early.code) == (409, "meeting_not_open")
    assert (await ticket(host, meeting_id)).status == 200
    assert (await ticket(admin, meeting_id)).code == "forbidden"
    site.clock.advance(HOUR_MS - OPENS_BEFORE_MS)
    issued = await ticket(member, meeting_id)
    assert issued.status == 200
    assert issued.body["expires_ms"] == site.clock.now_ms() + 60_000
    claims = site.services.tickets.redeem(issued.body["ticket"])
    assert (claims.meeting_id, claims.member_id) == (meeting_id, site.members["member"])
    assert (claims.role, claims.device) == ("member", "phone")


async def test_no_ticket_after_the_end(site: Site) -> None:
    meeting_id = await site.meeting()
    host = await site.browser("host")
    for state in ("ended", "cancelled"):
        async with site.services.db.session() as session:
            await session.execute(update(Meeting).values(state=state))
        answer = await ticket(host, meeting_id)
        assert (answer.status, answer.code) == (409, "meeting_state")


async def test_cancelling(site: Site) -> None:
    meeting_id = await site.meeting()
    member = await site.browser("member")
    assert (await member.post(f"/api/meetings/{meeting_id}/cancel")).code == "forbidden"
    secretary = await site.browser("secretary")
    answer = await secretary.post(f"/api/meetings/{meeting_id}/cancel")
    assert (answer.body["summary"]["state"], answer.body["summary"]["primary"]) == ("cancelled", "view")
    assert (await secretary.post(f"/api/meetings/{meeting_id}/cancel")).code == "meeting_state"


async def test_home_shows_what_is_on_and_what_comes(site: Site) -> None:
    meeting_id = await site.meeting()
    member = await site.browser("member")
    home = (await member.get("/api/home")).body
    assert (home["now"], [row["primary"] for row in home["upcoming"]]) == ([], ["wait"])
    assert home["server_ms"] == site.clock.now_ms()
    site.clock.advance(HOUR_MS - OPENS_BEFORE_MS)
    home = (await member.get("/api/home")).body
    assert ([row["primary"] for row in home["now"]], home["upcoming"]) == (["enter"], [])
    assert (await (await site.browser("outsider")).get("/api/home")).body["now"] == []
    await site.services.log.append(meeting_id, "signed_in", {"member_id": site.members["member"], "method": "self"})
    await site.services.log.flush(meeting_id)
    assert (await member.get("/api/home")).body["now"][0]["signed_in"] == 1


async def test_the_button_follows_the_meeting(site: Site) -> None:
    meeting_id = await site.meeting()
    member, inspector = await site.browser("member"), await site.browser("inspector")

    async def buttons() -> tuple[str, str]:
        own, other = [(await b.get(f"/api/meetings/{meeting_id}")).body for b in (member, inspector)]
        return own["summary"]["primary"], other["summary"]["primary"]

    assert await buttons() == ("wait", "view")
    db = site.services.db
    async with db.session() as session:
        await session.execute(update(Meeting).values(state="live"))
    assert await buttons() == ("enter", "view")
    async with db.session() as session:
        await session.execute(update(Meeting).values(state="ended"))
    assert await buttons() == ("view", "view")
    async with db.session() as session:
        session.add(
            Recording(
                id=new_id(),
                meeting_id=meeting_id,
                state="finished",
                origin_ms=1,
                duration_ms=60_000,
                gaps=[],
                created_ms=1,
            )
        )
        session.add(MakeupTask(id=new_id(), meeting_id=meeting_id, member_id=site.members["member"], due_ms=1))
    assert await buttons() == ("make_up", "replay")


async def test_the_list_is_paged_and_filtered(site: Site) -> None:
    start = site.clock.now_ms() + HOUR_MS
    for number in range(5):
        at = start + number // 2 * HOUR_MS
        type_ = "theme_day" if number == 0 else "party_lesson"
        await site.meeting(title=f"第{number}", start_ms=at, end_ms=at + HOUR_MS, type=type_)
    browser = await site.browser("member")
    seen, cursor = [], ""
    for _ in range(10):
        page = (await browser.get(f"/api/meetings?limit=2{cursor}")).body
        seen += [row["title"] for row in page["rows"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == [f"第{number}" for number in range(5)]
    assert seen[0] == "第4"
    assert [row["title"] for row in (await browser.get("/api/meetings?type=theme_day")).body["rows"]] == ["第0"]
    assert (await browser.get(f"/api/meetings?to_ms={start}")).body["rows"] == []
    assert len((await browser.get(f"/api/meetings?from_ms={start}&state=scheduled")).body["rows"]) == 5
    for wrong in ("limit=0", "limit=x", "cursor=abc", "type=party", "unknown=1"):
        assert (await browser.get(f"/api/meetings?{wrong}")).code == "validation", wrong


async def test_the_form_offers_the_people_of_the_branch(site: Site) -> None:
    body = (await (await site.browser("host")).get("/api/planning/options")).body
    assert [place["name"] for place in body["organisations"]] == ["第一党支部"]
    assert {person["name"] for person in body["members"]} == {
        "名字host",
        "名字secretary",
        "名字member",
        "名字probationary",
    }
    other = await (await site.browser("host")).get(f"/api/planning/options?organisation_id={site.places['second'].id}")
    assert other.code == "forbidden"


async def test_numbers_and_characters_that_no_column_holds_are_refused(site: Site) -> None:
    host = await site.browser("host")
    far = 10**18
    answer = await host.post("/api/meetings", site.lesson(start_ms=far, end_ms=far + HOUR_MS))
    assert (answer.status, answer.code) == (422, "validation")
    assert set(answer.body["error"]["fields"]) == {"start_ms", "end_ms"}
    assert (await host.get(f"/api/meetings?to_ms={10**30}")).code == "validation"
    nul = await host.get("/api/meetings/a%00b")
    assert nul.status in (400, 404), nul.body
    titled = await host.post("/api/meetings", site.lesson(title="a\0b"))
    assert titled.status in (200, 400), titled.body  # PostgreSQL has no such text


async def test_whom_the_host_removed_gets_no_ticket_until_readmitted(site: Site) -> None:
    meeting_id = await site.meeting()
    site.clock.advance(HOUR_MS)
    member = await site.browser("member")
    assert (await ticket(member, meeting_id)).status == 200
    rooms = site.services.rooms
    room = await rooms.enter(meeting_id)
    host, seat = [
        (await rooms.seats.join(room, site.members[name], "desktop", name, epoch=None, last_revision=None)).seat
        for name in ("host", "member")
    ]
    await rooms.seats.remove(room, host, seat.participant_id)
    refused = await ticket(member, meeting_id)
    assert (refused.status, refused.code) == (403, "removed")
    await rooms.seats.readmit(room, host, site.members["member"])
    assert (await ticket(member, meeting_id)).status == 200
