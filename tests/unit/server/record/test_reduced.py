"""For how long a member had only a part of the pictures and the sound."""

from __future__ import annotations

from server.record.reduced import reduced
from tests.unit.server.record.events import LogWriter


def _rung(log: LogWriter, at: float, member: str, level: str) -> None:
    log.add(at, "quality_changed", participant_id=f"seat-{member}", level=level, chosen=False)


def _lesson() -> LogWriter:
    log = LogWriter()
    log.join(0, "wang")
    log.start(100)
    return log


def test_each_rung_holds_until_the_next() -> None:
    log = _lesson()
    for at, level in ((200, "audio"), (500, "stage"), (560, "full"), (700, "audio"), (710, "full")):
        _rung(log, at, "wang", level)
    log.end(1000)
    assert reduced(log.events, 100_000, 1_000_000) == {"wang": {"audio": 310_000, "stage": 60_000}}


def test_only_the_meeting_counts_and_its_end_ends_the_rung() -> None:
    log = LogWriter()
    log.join(0, "wang")
    _rung(log, 10, "wang", "audio")
    log.start(100)
    log.end(160)
    assert reduced(log.events, 100_000, 160_000) == {"wang": {"audio": 60_000}}


def test_who_leaves_takes_the_rung_along_and_begins_anew() -> None:
    log = _lesson()
    _rung(log, 200, "wang", "audio")
    log.leave(260, "wang")
    log.join(400, "wang")
    log.end(1000)
    assert reduced(log.events, 100_000, 1_000_000) == {"wang": {"audio": 60_000}}


def test_another_device_on_the_same_seat_does_not_end_it() -> None:
    log = _lesson()
    _rung(log, 200, "wang", "text")
    log.leave(230, "wang", "replaced")
    log.join(230, "wang", "phone")
    _rung(log, 260, "wang", "full")
    log.end(1000)
    assert reduced(log.events, 100_000, 1_000_000) == {"wang": {"text": 60_000}}


def test_an_interruption_ends_it_and_companions_have_none() -> None:
    log = _lesson()
    _rung(log, 200, "wang", "audio")
    _rung(log, 200, "phone-of-wang", "audio")
    log.add(900, "meeting_interrupted", since_ms=230_000)
    log.end(1000)
    assert reduced(log.events, 100_000, 1_000_000) == {"wang": {"audio": 30_000}}


def test_who_had_everything_is_not_named() -> None:
    log = _lesson()
    log.end(1000)
    assert reduced(log.events, 100_000, 1_000_000) == {}
