"""Facts of a lesson: counts, agenda times, chapters, remarks, explanations; always the same for the same log."""

from __future__ import annotations

import pytest

from server.record.chapters import agenda_times, chapters
from server.record.explanations import explanation
from server.record.facts import acting_members
from server.record.local_time import day_text, span_text
from server.record.remarks import remarks
from server.record.rules import MakeupRule, PresenceRule, WatchCreditRule, rule_of, utc_offset_minutes
from server.record.verify_offline import canonical_json
from tests.unit.server.record.samples import AGENDA, START_MS, lesson_facts, lesson_log


def test_counts_keep_expected_and_voting_apart() -> None:
    assert lesson_facts()["counts"] == {
        "expected": 5,
        "present": 3,
        "expected_voting": 4,
        "present_voting": 2,
        "late": 1,
        "left_early": 0,
        "leave": 1,
        "absent": 1,
    }


def test_observers_are_not_in_the_attendance() -> None:
    facts = lesson_facts()
    assert [o["name"] for o in facts["observers"]] == ["陈列席"]
    assert "陈列席" not in [row["name"] for row in facts["attendance"]]


def test_the_same_log_gives_the_same_bytes() -> None:
    assert canonical_json(lesson_facts()) == canonical_json(lesson_facts())


def test_an_item_that_was_left_and_resumed_has_two_spans() -> None:
    items = agenda_times(lesson_log().events, AGENDA)
    start = START_MS
    assert items[0]["spans"] == [[start + 60_000, start + 1_800_000], [start + 2_400_000, start + 3_600_000]]
    assert items[2]["spans"] == []


def test_chapters_lie_on_the_recording() -> None:
    items = agenda_times(lesson_log().events, AGENDA)
    found = chapters(items, START_MS + 100_000, 2_000_000)
    assert found == [
        (AGENDA[0]["title"], 0, 1_700_000),
        (AGENDA[1]["title"], 1_700_000, 2_000_000),
    ]


def test_remarks_know_their_item_and_spoken_ones_their_end() -> None:
    found = {remark["remark_id"]: remark for remark in lesson_facts()["remarks"]}
    assert found["r0"]["agenda_item_id"] is None
    assert found["r1"]["agenda_item_id"] == "a1"
    assert (found["r2"]["kind"], found["r2"]["until_ms"]) == ("spoken", START_MS + 2_000_000)


def test_a_turn_that_nobody_ended_ends_with_the_meeting() -> None:
    log = lesson_log()
    log.events = [event for event in log.events if event.type != "floor_ended"]
    spoken = next(remark for remark in remarks(log.events, {}) if remark["kind"] == "spoken")
    assert spoken["until_ms"] == START_MS + 3_600_000


def test_all_who_act_in_the_log_are_found() -> None:
    assert acting_members(lesson_log().events) == {"lin", "zhao", "li", "guest"}


@pytest.mark.parametrize(
    ("member", "chinese", "english"),
    [
        ("lin", "14:50 本人签到，在线60分钟，计为出席", "Signed in at 14:50, online for 60 min: present."),
        (
            "zhao",
            "15:01 本人签到，在线60分钟，签到晚于开会11分钟（规定不超过10分钟），计为迟到",
            "Signed in at 15:01, online for 60 min, signed in 11 min after the start (allowed: 10): late.",
        ),
        ("wang", "会前已请假（出差），计为请假", "Asked for leave beforehand (duty travel): on leave."),
        (
            "li",
            "14:50 由赵敏代录签到，在现场参加，计为出席",
            "Signed in by 赵敏 at 14:50, attended on site: present.",
        ),
        ("sun", "未入会，也未签到，计为缺席", "Neither joined nor signed in: absent."),
    ],
)
def test_explanations(member: str, chinese: str, english: str) -> None:
    row = next(row for row in lesson_facts()["attendance"] if row["member_id"] == member)
    assert explanation(row, PresenceRule(), 480) == chinese
    assert explanation(row, PresenceRule(), 480, "en") == english


def test_seconds_are_named_where_minutes_would_be_none() -> None:
    row = next(row for row in lesson_facts()["attendance"] if row["member_id"] == "lin") | {"online_ms": 48_900}
    assert "在线48秒" in explanation(row, PresenceRule(), 480)
    assert "online for 48 s" in explanation(row, PresenceRule(), 480, "en")


def test_a_member_who_could_only_listen_for_a_while_reads_it_in_his_sentence() -> None:
    plain = next(row for row in lesson_facts()["attendance"] if row["member_id"] == "lin")
    assert "reduced_ms" not in plain
    row = plain | {"reduced_ms": {"text": 59_000, "audio": 725_000, "stage": 60_000}}
    assert explanation(row, PresenceRule(), 480) == (
        "14:50 本人签到，在线60分钟（因网络或自选，其中1分钟只有主画面、12分钟仅收听声音），计为出席"
    )
    assert explanation(row, PresenceRule(), 480, "en") == (
        "Signed in at 14:50, online for 60 min"
        " (1 min with the main picture only, 12 min with sound only, for the network or by choice): present."
    )


def test_dates_are_written_as_in_china() -> None:
    assert day_text(START_MS, 480) == "2026年11月25日（周三）"
    assert span_text(START_MS, START_MS + 3_600_000, 480) == "2026年11月25日（周三）14:50–15:50"
    late = START_MS + 9 * 3_600_000
    assert span_text(late, late + 3_600_000, 480) == "2026年11月25日（周三）23:50–2026年11月26日（周四）00:50"


def test_the_nearest_organisation_overrides_key_by_key() -> None:
    settings = ({"watch_rule": {"max_rate": 2.0}}, {"watch_rule": {"max_rate": 1.0, "share_percent": 80, "odd": 1}})
    assert rule_of(WatchCreditRule, settings) == WatchCreditRule(max_rate=2.0, share_percent=80)
    assert rule_of(MakeupRule, ({"makeup_rule": {"types": ["theme_day"]}},)).types == ("theme_day",)
    assert rule_of(PresenceRule, ()) == PresenceRule()
    assert utc_offset_minutes(({}, {"utc_offset_minutes": 360})) == 360
