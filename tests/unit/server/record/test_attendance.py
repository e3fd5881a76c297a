"""Attendance from the log: named cases, and hypothesis against a model that ticks off single seconds."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from server.protocol.http import AttendanceState
from server.record.attendance import Attendance, attendance
from server.record.rules import PresenceRule
from tests.unit.server.record.events import LogWriter, roll_member

RULE = PresenceRule()
MIN = 60


def one(log: LogWriter, **changes: object) -> Attendance:
    return attendance(log.events, [roll_member("lin", **changes)], RULE)[0]


def lesson(sign_in: float | None = 120, leave: float = 60 * MIN) -> LogWriter:
    """60 minutes; one member joins a minute before."""
    log = LogWriter()
    log.join(0, "lin")
    log.start(60, ("lin",))
    if sign_in is not None:
        log.sign_in(60 + sign_in, "lin")
    log.leave(60 + leave, "lin", "ended")
    log.end(60 + 60 * MIN)
    return log


def test_signed_in_and_stayed_is_present() -> None:
    row = one(lesson())
    assert row.state is AttendanceState.PRESENT
    assert row.online_ms == 60 * MIN * 1000  # the minute before the start does not count
    assert (row.joined_ms, row.left_ms) == (0, 61 * MIN * 1000)
    assert (row.signed_in_ms, row.sign_in_method, row.signed_in_by) == (180_000, "self", None)


def test_joined_but_never_signed_in_is_absent() -> None:
    row = one(lesson(sign_in=None))
    assert row.state is AttendanceState.ABSENT
    assert row.online_ms == 60 * MIN * 1000


def test_late_begins_after_ten_minutes() -> None:
    assert one(lesson(sign_in=10 * MIN)).state is AttendanceState.PRESENT
    assert one(lesson(sign_in=10 * MIN + 1)).state is AttendanceState.LATE


def test_left_early_begins_ten_minutes_before_the_end() -> None:
    assert one(lesson(leave=50 * MIN)).state is AttendanceState.PRESENT
    assert one(lesson(leave=50 * MIN - 1)).state is AttendanceState.LEFT_EARLY


def test_leave_stands_unless_the_member_came_after_all() -> None:
    assert one(lesson(sign_in=None), leave_reason="sick").state is AttendanceState.LEAVE
    assert one(lesson(), leave_reason="sick").state is AttendanceState.PRESENT


def test_ticked_on_site_without_a_device_is_present() -> None:
    log = LogWriter()
    log.start(0)
    log.sign_in(30, "lin", by="zhao")
    log.end(3600)
    row = one(log)
    assert (row.state, row.signed_in_by, row.online_ms) == (AttendanceState.PRESENT, "zhao", 0)


def test_only_the_first_sign_in_counts() -> None:
    log = LogWriter()
    log.start(0)
    log.sign_in(30, "lin")
    log.sign_in(3000, "lin", by="zhao")
    log.end(3600)
    assert one(log).signed_in_ms == 30_000


def test_a_lost_connection_closes_at_the_last_proof_of_life() -> None:
    log = LogWriter()
    log.start(0)
    log.join(0, "lin")
    log.remark(500, "r1", "zhao", "later than the proof of life, earlier in the log")
    log.leave(400, "lin", "lost")
    log.end(3600)
    assert one(log).presence == ((0, 400_000),)


def test_away_closes_and_present_opens_again() -> None:
    log = LogWriter()
    log.start(0)
    log.join(0, "lin")
    log.presence(100, "lin", "unstable")
    log.presence(100, "lin", "away")
    log.presence(500, "lin", "present")
    log.end(1000)
    assert one(log).presence == ((0, 100_000), (500_000, 1_000_000))


def test_short_reconnects_are_bridged_and_long_ones_are_not() -> None:
    log = LogWriter()
    log.start(0)
    for gap_start, gap_end in ((100, 160), (300, 361)):
        log.join(gap_start - 100, "lin")
        log.leave(gap_start, "lin", "lost")
        log.join(gap_end, "lin")
    log.end(1000)
    assert one(log).presence == ((0, 300_000), (361_000, 1_000_000))


def test_a_second_device_takes_the_seat_over_without_a_hole() -> None:
    for order in ((0, 1), (1, 0)):
        log = LogWriter()
        log.start(0)
        log.join(0, "lin")
        steps = (lambda log=log: log.leave(200, "lin", "replaced"), lambda log=log: log.join(200, "lin", "phone"))
        for index in order:
            steps[index]()
        log.leave(900, "lin")
        log.end(1000)
        assert one(log).presence == ((0, 900_000),)


def test_an_interruption_closes_everybody_at_its_beginning() -> None:
    log = LogWriter()
    log.start(0)
    log.join(0, "lin")
    log.add(900, "meeting_interrupted", since_ms=300_000)
    log.add(901, "meeting_resumed")
    log.join(950, "lin")
    log.end(1000)
    assert one(log).presence == ((0, 300_000), (950_000, 1_000_000))


def test_people_outside_of_the_roll_make_no_row() -> None:
    log = lesson()
    log.join(5000, "stranger")
    assert [row.member.member_id for row in attendance(log.events, [roll_member("lin")], RULE)] == ["lin"]


# --- against the model ------------------------------------------------------------------------------------------------

SECONDS = 300
actions = st.lists(
    st.tuples(st.integers(0, SECONDS - 1), st.sampled_from(["join", "left", "replaced", "away", "present"])),
    max_size=12,
)


def model_seconds(steps: list[tuple[int, str]], start: int, end: int, bridge: int) -> set[int]:
    """Each second for itself: was a seat taken and not away? Then holes of at most ``bridge`` seconds are filled."""
    there: set[int] = set()
    seated = False
    since: int | None = None
    for at, action in [*steps, (end, "left")]:
        if action == "join" or (action == "present" and seated):
            seated = True
            since = at if since is None else since
        elif action in ("left", "away") and since is not None:
            there |= set(range(since, at))
            since = None
    present = sorted(there)
    for a, b in itertools.pairwise(present):
        if b - a - 1 <= bridge:
            there |= set(range(a, b))
    return there & set(range(start, end))


@settings(max_examples=300)
@given(actions, st.integers(0, 100), st.integers(150, SECONDS), st.integers(0, 20))
def test_online_time_equals_the_model_of_single_seconds(
    steps: list[tuple[int, str]], start: int, end: int, bridge: int
) -> None:
    steps = sorted(step for step in steps if step[0] <= end)
    log = LogWriter()
    written: list[tuple[int, str]] = []
    events = sorted([(start, "start"), *steps], key=lambda step: step[0])
    for at, action in events:
        match action:
            case "start":
                log.start(at)
            case "join":
                log.join(at, "lin")
            case "left" | "replaced":
                log.leave(at, "lin", action)
            case _:
                log.presence(at, "lin", action)
        if action != "start":
            written.append((at, action))
    log.end(end)
    row = attendance(log.events, [roll_member("lin")], PresenceRule(bridge_ms=bridge * 1000))[0]
    assert row.online_ms == 1000 * len(model_seconds(written, start, end, bridge))
    again = attendance(log.events, [roll_member("lin")], PresenceRule(bridge_ms=bridge * 1000))[0]
    assert again == row
