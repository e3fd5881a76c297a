"""Second devices: they watch beside the seat, count for nothing, and leave without a trace in the attendance."""

from __future__ import annotations

import pytest

from media.control import QualityChanged, QualityLevel, TransportState
from server.meeting_log.types import EVENT_TYPES
from server.protocol.codes import ErrorCode
from server.protocol.events import ParticipantChanged, RoomClosed
from server.protocol.models import Presence
from server.record.attendance import RollMember, attendance
from server.record.rules import PresenceRule
from server.rooms.companions import COMPANION_COMMANDS
from server.rooms.grants import COMMAND_RULES
from server.rooms.participant import Participant
from server.rooms.snapshot import snapshot
from tests.unit.server.rooms.conftest import Hall
from tests.unit.server.rooms.test_conduct import code_of


async def _watch(hall: Hall, member_id: str, connection: str = "second") -> Participant:
    return (await hall.companions.join(hall.room, member_id, "phone", connection)).seat


async def test_a_companion_is_shown_beside_its_seat_and_counts_for_nothing(hall: Hall) -> None:
    seat = await hall.sit("n1")
    companion = await _watch(hall, "n1")
    assert companion.participant_id != seat.participant_id
    shown = snapshot(hall.room, 0)
    assert [p.companion_of for p in shown.participants] == [None, seat.participant_id]
    assert [who.participant_id for who in hall.room.present()] == [seat.participant_id]
    assert hall.room.seat_of("n1") is seat
    assert not any(vars(companion.grants()).values())
    assert seat.connection == "c-n1"


async def test_without_a_seat_there_is_nothing_to_accompany(hall: Hall) -> None:
    assert await code_of(_watch(hall, "n1")) is ErrorCode.CONFLICT
    seat = await hall.sit("n1")
    await hall.seats.leave(hall.room, seat)
    assert await code_of(_watch(hall, "n1")) is ErrorCode.CONFLICT
    assert await code_of(_watch(hall, "stranger")) is ErrorCode.FORBIDDEN


async def test_the_same_socket_asks_again_and_is_the_same_companion(hall: Hall) -> None:
    await hall.sit("n1")
    first = await _watch(hall, "n1")
    assert await _watch(hall, "n1") is first
    assert hall.log.types().count("companion_joined") == 1


async def test_the_oldest_of_three_goes(hall: Hall) -> None:
    await hall.sit("n1")
    oldest = await _watch(hall, "n1", "a")
    await _watch(hall, "n1", "b")
    await _watch(hall, "n1", "c")
    await hall.companions.sweep(hall.room)
    assert [c.connection for c in hall.room.companions_of("n1")] == ["b", "c"]
    assert not oldest.in_room
    farewell = RoomClosed(code=ErrorCode.REPLACED, reason="another second device")
    assert hall.ears.dismissed == [("a", farewell)]


async def test_it_leaves_with_its_socket_and_its_transport_closes(hall: Hall) -> None:
    await hall.sit("n1")
    companion = await _watch(hall, "n1")
    await hall.media.offer(hall.room, companion, "v=0")
    await hall.companions.disconnect(hall.room, "second")
    await hall.companions.disconnect(hall.room, "second")
    assert hall.room.companions == {}
    assert hall.plane.transports == set()
    assert hall.ears.names()[-1] == "participant.left"
    assert await code_of(hall.media.offer(hall.room, companion, "v=0")) is ErrorCode.NOT_JOINED


async def test_it_stays_when_the_seat_is_lost_and_is_told(hall: Hall) -> None:
    seat = await hall.sit("n1")
    companion = await _watch(hall, "n1")
    await hall.seats.disconnect(hall.room, "c-n1", 0)
    hall.clock.advance(16_000)
    await hall.seats.sweep(hall.room)
    await hall.companions.sweep(hall.room)
    assert not seat.in_room
    assert hall.room.companions == {companion.participant_id: companion}
    assert hall.ears.names()[-1] == "participant.left"
    seat = await hall.sit("n1")
    assert seat.participant_id == companion.companion_of


async def test_the_end_sends_it_home_and_closes_what_it_left(hall: Hall) -> None:
    await hall.sit("n1")
    companion = await _watch(hall, "n1")
    await hall.media.offer(hall.room, companion, "v=0")
    async with hall.room.lock:
        await hall.companions.end_all(hall.room)
    assert hall.ears.dismissed == [("second", RoomClosed(code=ErrorCode.ROOM_CLOSED, reason="ended"))]
    await hall.companions.sweep(hall.room)
    assert hall.plane.transports == set()


async def test_a_page_whose_socket_ended_unseen_leaves_no_ghost(hall: Hall) -> None:
    await hall.sit("n1")
    companion = await _watch(hall, "n1")
    companion.connection = None
    await hall.companions.sweep(hall.room)
    assert hall.room.companions == {}


async def test_a_page_that_went_while_the_log_was_away_leaves_no_ghost(hall: Hall) -> None:
    await hall.sit("n1")
    await _watch(hall, "n1")
    hall.log.away = True
    assert await code_of(hall.companions.disconnect(hall.room, "second")) is ErrorCode.LOG_UNAVAILABLE
    assert hall.room.companions
    hall.log.away = False
    await hall.companions.sweep(hall.room)
    assert hall.room.companions == {}


async def test_a_restart_leaves_no_page_behind(hall: Hall) -> None:
    await hall.sit("n1")
    await _watch(hall, "n1")
    await hall.companions.recover(hall.room, hall.clock.monotonic + 30_000)
    assert hall.room.companions == {}
    assert hall.log.payload()["reason"] == "lost"


async def test_how_well_it_is_served_is_shown_and_not_logged(hall: Hall) -> None:
    await hall.sit("n1")
    companion = await _watch(hall, "n1")
    logged = len(hall.log.events)
    await hall.quality.choose(hall.room, companion, QualityLevel.AUDIO)
    assert hall.plane.caps == [(companion.participant_id, QualityLevel.AUDIO)]
    event = QualityChanged(
        room_id="m", participant_id=companion.participant_id, level=QualityLevel.AUDIO, chosen=True, budget_bps=0
    )
    await hall.quality.handle_changed(hall.room, event)
    for state in (TransportState.CONNECTED, TransportState.UNSTABLE):
        await hall.media.handle_transport(hall.room, companion.participant_id, state)
    shown = [e.participant for e in hall.ears.published if isinstance(e, ParticipantChanged)]
    assert [(p.quality, p.presence) for p in shown] == [
        (QualityLevel.AUDIO, Presence.PRESENT),
        (QualityLevel.AUDIO, Presence.UNSTABLE),
    ]
    assert len(hall.log.events) == logged


async def test_attendance_is_the_seats_alone(hall: Hall) -> None:
    await hall.start()
    seat = await hall.sit("n1")
    await hall.conduct.sign_in(hall.room, seat)
    await _watch(hall, "n1")
    hall.clock.advance(60_000)
    await hall.seats.leave(hall.room, seat)
    hall.clock.advance(60_000)
    await hall.companions.disconnect(hall.room, "second")
    async with hall.room.lock:
        await hall.desk.record(hall.room, "meeting_ended", {"reason": "host"})
    member = RollMember("n1", "名n1", "full", "member", None, has_vote=True, counted=True)
    (row,) = attendance(hall.log.events, [member], PresenceRule())
    assert row.online_ms == 60_000
    assert row.device == "desktop"


def test_what_a_companion_may_send_changes_nothing_of_the_meeting() -> None:
    assert set(COMMAND_RULES) >= COMPANION_COMMANDS
    assert COMPANION_COMMANDS.isdisjoint({"sign_in.self", "remark.post", "hand.raise", "publication.add"})
    assert {"companion_joined", "companion_left"} <= EVENT_TYPES.keys()


@pytest.mark.parametrize("kept", [(), ("audio", "video")])
async def test_only_an_encoder_has_something_to_withhold(hall: Hall, kept: tuple[str, ...]) -> None:
    host = await hall.sit("host")
    await hall.sit("n1")
    page = await _watch(hall, "n1")
    encoder = await hall.devices.join_device(hall.room, "n1", "encoder")
    for companion in (page, encoder):
        await hall.conduct.allow(hall.room, host, companion.participant_id, kept)  # type: ignore[arg-type]
    assert not page.withheld
    assert encoder.withheld == (() if kept else ("audio", "video"))
