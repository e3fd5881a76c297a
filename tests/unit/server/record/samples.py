"""A whole lesson in memory: the log, the roll and the facts made of them."""

from __future__ import annotations

from typing import Any

from server.protocol.http import Proof
from server.record.exports.file import ExportSource
from server.record.facts import facts
from server.record.roll import MeetingContext
from server.record.verify_offline import EMPTY_MINUTES
from server.record.views import proof_of
from server.storage.models import Meeting, Organisation
from tests.unit.server.record.events import MEETING_ID, LogWriter, roll_member

BRANCH = "b" * 32
START_MS = 1_795_589_400_000  # 2026-11-25 14:50 in China
AGENDA: list[dict[str, Any]] = [
    {"item_id": "a1", "title": "学习党的二十届四中全会精神", "planned_minutes": 30},
    {"item_id": "a2", "title": "讨论", "planned_minutes": 20},
    {"item_id": "a3", "title": "其他事项", "planned_minutes": None},
]
NAMES = {"lin": "林浩", "zhao": "赵敏", "wang": "王强", "li": "李红梅", "guest": "陈列席"}


def context(**changes: Any) -> MeetingContext:
    meeting = Meeting(
        id=MEETING_ID,
        organisation_id=BRANCH,
        type="party_lesson",
        title="学习贯彻全会精神专题党课",
        ordinal=11,
        year=2026,
        place="三楼会议室",
        state="ended",
        start_ms=START_MS,
        end_ms=START_MS + 3_600_000,
        host_member_id="lin",
        recorder_member_id="zhao",
        lecturer_member_id="li",
        agenda=AGENDA,
        record=True,
        rule_version="test",
    )
    organisation = Organisation(
        id=BRANCH, path=BRANCH, kind="branch", name="市直机关第一党支部", short_name="第一党支部", settings={}
    )
    for name, value in changes.items():
        setattr(meeting, name, value)
    roll = (
        roll_member("lin", name="林浩", role="host", group="第一党小组"),
        roll_member("zhao", name="赵敏", role="recorder", group="第一党小组"),
        roll_member("wang", name="王强", leave_reason="duty_travel", leave_approved_by="lin"),
        roll_member("li", name="李红梅", status="probationary", has_vote=False),
        roll_member("sun", name="=1+1孙"),
        roll_member("guest", name="陈列席", role="observer", counted=False, has_vote=False),
    )
    return MeetingContext(meeting, organisation, (), roll, NAMES | {"sun": "=1+1孙"})


def lesson_log() -> LogWriter:
    log = LogWriter()
    base = START_MS / 1000
    for member in ("lin", "zhao", "guest"):
        log.join(base - 60, member)
    log.start(base, ("lin", "zhao", "wang", "li", "sun"))
    log.sign_in(base + 20, "lin")
    log.sign_in(base + 700, "zhao")
    log.sign_in(base + 30, "li", by="zhao")
    log.remark(base + 40, "r0", "zhao", "请大家签到")
    log.add(base + 60, "agenda_moved", "lin", item_id="a1")
    log.remark(base + 90, "r1", "lin", "=HYPERLINK(1)\x07 听得见吗")
    log.add(base + 1800, "agenda_moved", "lin", item_id="a2")
    seat: dict[str, Any] = {"remark_id": "r2", "participant_id": "seat-zhao", "member_id": "zhao", "by": "lin"}
    log.add(base + 1900, "floor_given", "lin", **seat)
    log.add(base + 2000, "floor_ended", "zhao", **seat)
    log.add(base + 2400, "agenda_moved", "lin", item_id="a1")
    log.end(base + 3600)
    finished: dict[str, Any] = {
        "recording_id": "f" * 32,
        "duration_ms": 3_599_000,
        "gaps": [],
        "origin_ms": START_MS + 500,
    }
    log.add(base + 3602, "recording_finished", **finished)
    return log


def lesson_facts() -> dict[str, Any]:
    return facts(context(), lesson_log().events, NAMES)


def export_source(**changes: Any) -> ExportSource:
    log = lesson_log()
    proof: Proof = proof_of(log.events, True)
    values: dict[str, Any] = {
        "facts": lesson_facts(),
        "minutes": EMPTY_MINUTES,
        "version": 1,
        "signatures": (),
        "makeup_done": {"wang": START_MS + 86_400_000, "sun": None},
        "recorded_ms": 3_599_000,
        "proof": proof,
        "made_ms": START_MS + 4_000_000,
    }
    return ExportSource(**(values | changes))
