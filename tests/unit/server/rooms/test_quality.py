"""The low-bandwidth ladder as the room knows it: everybody sees it, the log keeps it, and nothing can flood it."""

from __future__ import annotations

from media.control import QualityChanged, QualityLevel
from server.auth.rate import RateLimit
from server.protocol.events import ParticipantChanged
from server.rooms.participant import Participant
from tests.unit.server.rooms.conftest import Hall


async def _serve(hall: Hall, who: Participant, level: QualityLevel, *, chosen: bool = False) -> None:
    event = QualityChanged(
        room_id="m", participant_id=who.participant_id, level=level, chosen=chosen, budget_bps=90_000
    )
    await hall.quality.handle_changed(hall.room, event)


def _shown(hall: Hall) -> list[QualityLevel]:
    return [event.participant.quality for event in hall.ears.published if isinstance(event, ParticipantChanged)]


async def test_a_change_of_the_rung_is_shown_and_logged_once(hall: Hall) -> None:
    member = await hall.sit("n1")
    await _serve(hall, member, QualityLevel.AUDIO)
    await _serve(hall, member, QualityLevel.AUDIO)
    assert _shown(hall) == [QualityLevel.AUDIO]
    assert hall.log.payload() == {"participant_id": member.participant_id, "level": "audio", "chosen": False}
    assert hall.log.types().count("quality_changed") == 1


async def test_a_trembling_ladder_fills_no_log_and_its_last_word_stands(hall: Hall) -> None:
    member = await hall.sit("n1")
    for _ in range(50):
        await _serve(hall, member, QualityLevel.AUDIO)
        await _serve(hall, member, QualityLevel.STAGE)
    assert hall.log.types().count("quality_changed") == 1
    hall.clock.advance(1_000)
    await hall.quality.sweep(hall.room)
    assert _shown(hall) == [QualityLevel.AUDIO, QualityLevel.STAGE]
    await hall.quality.sweep(hall.room)
    assert hall.log.types().count("quality_changed") == 2


async def test_a_whole_room_that_moves_at_once_is_said_bit_by_bit(hall: Hall) -> None:
    hall.quality._room_limit = RateLimit(2, 2)
    people = [await hall.sit(member) for member in ("host", "rec", "lect", "n1", "n2")]
    for member in people:
        await _serve(hall, member, QualityLevel.AUDIO)
    assert len(_shown(hall)) == 2
    for _ in range(2):
        hall.clock.advance(1_000)
        await hall.quality.sweep(hall.room)
    assert {member.quality.level for member in people} == {QualityLevel.AUDIO}


async def test_a_rung_that_could_not_be_logged_is_logged_later(hall: Hall) -> None:
    member = await hall.sit("n1")
    hall.log.away = True
    await _serve(hall, member, QualityLevel.AUDIO)
    assert _shown(hall) == []
    hall.log.away = False
    await hall.quality.sweep(hall.room)
    assert _shown(hall) == [QualityLevel.AUDIO]


async def test_who_has_left_or_is_unknown_changes_nothing(hall: Hall) -> None:
    member = await hall.sit("n1")
    await hall.seats.leave(hall.room, member)
    before = len(hall.log.events)
    await _serve(hall, member, QualityLevel.TEXT)
    unknown = QualityChanged(room_id="m", participant_id="nobody", level=QualityLevel.TEXT, chosen=False, budget_bps=0)
    await hall.quality.handle_changed(hall.room, unknown)
    assert len(hall.log.events) == before
    await hall.sit("n1")
    assert member.quality.level is QualityLevel.FULL


async def test_the_chosen_rung_is_asked_for_logged_and_given_up_with_the_device(hall: Hall) -> None:
    member = await hall.sit("n1")
    await hall.quality.choose(hall.room, member, QualityLevel.AUDIO)
    await hall.quality.choose(hall.room, member, QualityLevel.AUDIO)
    assert hall.log.types().count("quality_chosen") == 1
    assert hall.plane.caps == [(member.participant_id, QualityLevel.AUDIO)] * 2
    await hall.enter("n1", "after a tunnel", epoch=member.epoch)
    assert member.quality_cap is QualityLevel.AUDIO
    await hall.enter("n1", "another device")
    assert member.quality_cap is None


async def test_with_a_new_media_worker_everybody_begins_at_the_top_or_where_he_chose(hall: Hall) -> None:
    member, other = await hall.sit("n1"), await hall.sit("n2")
    await hall.quality.choose(hall.room, other, QualityLevel.STAGE)
    await _serve(hall, member, QualityLevel.AUDIO)
    await _serve(hall, other, QualityLevel.AUDIO)
    hall.quality.forget(hall.room, None)
    hall.clock.advance(1_000)
    await hall.quality.sweep(hall.room)
    assert member.quality.level is QualityLevel.FULL
    assert (other.quality.level, other.quality.chosen) == (QualityLevel.STAGE, True)
