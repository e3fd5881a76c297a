"""Joining, coming back, taking over, being lost: one member is one participant, whatever happens."""

from __future__ import annotations

import pytest

from media.control import TransportState
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.events import RoomClosed
from server.protocol.models import MeetingState, Presence
from server.rooms.presence import LEASE_MS
from server.rooms.seats import RESUME_MS
from tests.unit.server.rooms.conftest import Hall
from tests.unit.server.rooms.test_conduct import code_of


async def test_first_join_gives_a_snapshot_with_oneself(hall: Hall) -> None:
    arrival = await hall.enter("n1")
    assert arrival.missed is None
    assert arrival.snapshot is not None
    assert [p.member_id for p in arrival.snapshot.participants] == ["n1"]
    assert arrival.snapshot.revision == arrival.revision == hall.room.revisions.current
    assert hall.ears.subscribed == ["c-n1"]


async def test_strangers_and_closed_rooms(hall: Hall) -> None:
    assert await code_of(hall.enter("x")) is ErrorCode.FORBIDDEN
    hall.room.state = MeetingState.ENDED
    assert await code_of(hall.enter("n1")) is ErrorCode.ROOM_CLOSED


async def test_lost_socket_is_unstable_at_once_and_left_after_the_lease(hall: Hall) -> None:
    await hall.enter("host")
    seat = await hall.sit("n1")
    await hall.conduct.raise_hand(hall.room, seat)
    hall.clock.advance(60_000)
    await hall.seats.disconnect(hall.room, "c-n1", 4_000)
    gone_at = hall.clock.now - 4_000
    assert seat.presence is Presence.UNSTABLE
    hall.clock.advance(LEASE_MS - 4_001)
    assert await hall.seats.sweep(hall.room) == []
    hall.clock.advance(1)
    assert await hall.seats.sweep(hall.room) == [seat.participant_id]
    assert hall.log.events[-1].at_ms == gone_at  # the last proof of life
    assert hall.log.payload()["reason"] == "lost"
    assert hall.room.hands.infos() == ()
    assert await hall.seats.sweep(hall.room) == []


async def test_back_within_the_lease_keeps_everything(hall: Hall) -> None:
    seat = await hall.sit("n1")
    await hall.conduct.raise_hand(hall.room, seat)
    last = hall.room.revisions.current
    await hall.seats.disconnect(hall.room, "c-n1", 0)
    hall.clock.advance(10_000)
    arrival = await hall.enter("n1", "c2", epoch=seat.epoch, last_revision=last)
    assert arrival.seat is seat
    assert [event.NAME for event in arrival.missed or ()] == ["participant.changed", "participant.changed"]
    assert arrival.snapshot is None
    assert seat.presence is Presence.PRESENT
    assert hall.room.hands.infos()
    assert hall.log.types().count("joined") == 1


async def test_back_after_being_lost_is_the_same_participant(hall: Hall) -> None:
    seat = await hall.sit("n1")
    await hall.seats.disconnect(hall.room, "c-n1", 0)
    hall.clock.advance(60_000)
    await hall.seats.sweep(hall.room)
    assert not seat.in_room
    again = await hall.enter("n1", "c2", epoch=seat.epoch)
    assert again.seat.participant_id == seat.participant_id
    assert hall.ears.names().count("participant.joined") == 2
    assert len(hall.room.participants) == 1


async def test_resume_ends_ten_minutes_after_the_last_use(hall: Hall) -> None:
    seat = await hall.sit("n1")
    hall.clock.advance(3_600_000)  # held all the time: still good
    assert hall.seats.resumable(hall.room, "n1", seat.epoch) is seat
    await hall.seats.disconnect(hall.room, "c-n1", 0)
    hall.clock.advance(LEASE_MS)
    await hall.seats.sweep(hall.room)
    hall.clock.advance(RESUME_MS - LEASE_MS)
    assert hall.seats.resumable(hall.room, "n1", seat.epoch) is seat
    hall.clock.advance(1)
    with pytest.raises(AppError) as caught:
        hall.seats.resumable(hall.room, "n1", seat.epoch)
    assert caught.value.code is ErrorCode.RESUME_EXPIRED


async def test_second_device_takes_the_seat_over(hall: Hall) -> None:
    seat = await hall.sit("n1")
    await hall.conduct.raise_hand(hall.room, seat)
    await hall.conduct.publish(hall.room, seat, "microphone", muted=False)
    epoch = seat.epoch
    arrival = await hall.enter("n1", "phone")
    assert arrival.seat is seat
    assert hall.ears.dismissed == [("c-n1", RoomClosed(code=ErrorCode.REPLACED, reason="joined from elsewhere"))]
    assert hall.room.hands.infos()  # the place stays
    assert hall.room.publications.infos() == ()  # what the other device sent does not
    assert "participant.left" not in hall.ears.names()
    assert await code_of(hall.enter("n1", "c3", epoch=epoch)) is ErrorCode.REPLACED
    await hall.seats.disconnect(hall.room, "c-n1", 0)  # the old socket ends: nothing happens
    assert seat.connection == "phone"


async def test_left_seat_is_not_resumed_but_joined_again(hall: Hall) -> None:
    seat = await hall.sit("n1")
    await hall.seats.leave(hall.room, seat)
    await hall.seats.leave(hall.room, seat)
    assert hall.log.types().count("left") == 1
    assert await code_of(hall.enter("n1", "c2", epoch=seat.epoch)) is ErrorCode.RESUME_EXPIRED
    assert (await hall.enter("n1", "c3")).seat.participant_id == seat.participant_id


async def test_removed_is_removed(hall: Hall) -> None:
    host, seat = await hall.sit("host"), await hall.sit("n1")
    await hall.start()
    await hall.conduct.give_floor(hall.room, host, seat.participant_id, "g")
    assert await code_of(hall.seats.remove(hall.room, host, host.participant_id)) is ErrorCode.VALIDATION
    await hall.seats.remove(hall.room, host, seat.participant_id)
    assert hall.log.types()[-2:] == ["floor_ended", "left"]
    assert hall.log.events[-1].actor == "host"
    assert hall.ears.dismissed == [("c-n1", RoomClosed(code=ErrorCode.REMOVED, reason="removed"))]
    assert await code_of(hall.enter("n1", "c2")) is ErrorCode.REMOVED
    assert await code_of(hall.enter("n1", "c2", epoch=seat.epoch)) is ErrorCode.REMOVED
    assert await code_of(hall.seats.remove(hall.room, host, seat.participant_id)) is ErrorCode.NOT_FOUND


async def test_media_alone_keep_the_seat(hall: Hall) -> None:
    seat = await hall.sit("n1")
    seat.liveness.handle_media(TransportState.CONNECTED, hall.clock.monotonic)
    await hall.seats.disconnect(hall.room, "c-n1", 0)
    hall.clock.advance(300_000)
    assert await hall.seats.sweep(hall.room) == []
    assert seat.presence is Presence.UNSTABLE
    seat.liveness.handle_media(TransportState.CLOSED, hall.clock.monotonic)
    hall.clock.advance(LEASE_MS)
    assert await hall.seats.sweep(hall.room) == [seat.participant_id]


async def test_log_away_at_a_disconnect_is_made_up_for_by_the_sweep(hall: Hall) -> None:
    seat = await hall.sit("n1")
    hall.log.away = True
    await hall.seats.disconnect(hall.room, "c-n1", 0)
    hall.log.away = False
    assert hall.log.types() == ["joined"]
    await hall.seats.sweep(hall.room)
    assert seat.presence is Presence.UNSTABLE
    assert hall.log.types() == ["joined", "presence_changed"]


async def test_joining_again_on_the_same_connection_gives_what_is_new(hall: Hall) -> None:
    first = await hall.enter("n1")
    await hall.enter("n2")
    again = await hall.enter("n1", last_revision=first.revision)
    assert [event.NAME for event in again.missed or ()] == ["participant.joined"]
    assert hall.log.types().count("joined") == 2
    unknown = await hall.enter("n1", last_revision=first.revision - 10**9)
    assert unknown.missed is None
    assert unknown.snapshot is not None


async def test_the_host_takes_a_removal_back(hall: Hall) -> None:
    host, member = await hall.sit("host"), await hall.sit("n1")
    await hall.seats.readmit(hall.room, host, "n1")  # not removed: nothing happens
    await hall.seats.remove(hall.room, host, member.participant_id)
    assert await code_of(hall.enter("n1")) is ErrorCode.REMOVED
    await hall.seats.readmit(hall.room, host, "n1")
    await hall.seats.readmit(hall.room, host, "n1")
    assert await code_of(hall.enter("n1", epoch=member.epoch)) is ErrorCode.RESUME_EXPIRED
    assert (await hall.sit("n1")).participant_id == member.participant_id
    assert hall.log.types().count("readmitted") == 1
    assert hall.log.types()[-1] == "joined"


async def test_a_seat_whose_socket_answers_no_more_is_given_up_after_its_lease(hall: Hall) -> None:
    member = await hall.sit("n1")
    vanished_ms = hall.clock.now
    for second in range(1, 15):
        hall.clock.advance(1_000)
        hall.ears.silent["c-n1"] = second * 1_000 if second >= 5 else 0
        assert await hall.seats.sweep(hall.room) == ([] if second * 1000 < LEASE_MS else [member.participant_id])
    assert hall.log.types()[-2:] == ["presence_changed", "left"]
    assert hall.log.events[-1].at_ms == vanished_ms
    assert hall.ears.dismissed == [("c-n1", None)]


async def test_nobody_is_lost_because_the_server_stood_still(hall: Hall) -> None:
    member, gone = await hall.sit("n1"), await hall.sit("n2")
    hall.clock.advance(30_000)
    hall.ears.silent |= {"c-n1": 30_000, "c-n2": 30_000}  # what they said meanwhile is not read yet
    hall.seats.forgive(hall.room)
    assert await hall.seats.sweep(hall.room) == []
    hall.ears.silent["c-n1"] = 0
    hall.clock.advance(5_000)
    assert await hall.seats.sweep(hall.room) == [gone.participant_id]
    assert member.in_room
