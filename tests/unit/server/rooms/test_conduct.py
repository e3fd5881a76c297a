"""What participants do: rules, idempotence, and that everything goes through the log first."""

from __future__ import annotations

import asyncio

import pytest

from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.events import MuteRequested
from server.protocol.models import MeetingState
from tests.unit.server.rooms.conftest import Hall


async def code_of(action: object) -> ErrorCode:
    with pytest.raises(AppError) as caught:
        await action  # type: ignore[misc]
    return caught.value.code


async def test_signing_in_is_apart_from_joining_and_counts_once(hall: Hall) -> None:
    member = await hall.sit("n1")
    assert not hall.room.roll.signed_in("n1")
    first = await hall.conduct.sign_in(hall.room, member)
    hall.clock.advance(5)
    assert await hall.conduct.sign_in(hall.room, member) == first
    assert hall.log.types().count("signed_in") == 1
    assert hall.log.payload() == {"member_id": "n1", "method": "self", "participant_id": member.participant_id}
    assert hall.ears.names()[-2:] == ["roll.changed", "participant.changed"]


async def test_proxy_sign_in_says_who_ticked(hall: Hall) -> None:
    recorder = await hall.sit("rec")
    entry = await hall.conduct.sign_in_proxy(hall.room, recorder, "n2")
    assert (entry.method, entry.signed_in_by) == ("proxy", "名rec")
    assert await code_of(hall.conduct.sign_in_proxy(hall.room, recorder, "o")) is ErrorCode.NOT_FOUND
    assert await code_of(hall.conduct.sign_in_proxy(hall.room, recorder, "stranger")) is ErrorCode.NOT_FOUND


async def test_the_same_request_is_one_remark(hall: Hall) -> None:
    member = await hall.sit("n1")
    assert await code_of(hall.conduct.post_remark(hall.room, member, "早", "r1")) is ErrorCode.MEETING_STATE
    await hall.start()
    remark = await hall.conduct.post_remark(hall.room, member, "我说", "r1")
    assert await hall.conduct.post_remark(hall.room, member, "我说", "r1") == remark
    assert await hall.conduct.post_remark(hall.room, member, "我说", "r2") != remark
    assert hall.log.types().count("remark") == 2
    assert await code_of(hall.conduct.post_remark(hall.room, member, " \x00 ", "r3")) is ErrorCode.VALIDATION


async def test_nothing_happens_when_the_log_is_away(hall: Hall) -> None:
    member = await hall.sit("n1")
    await hall.start()
    before = (hall.room.revisions.current, len(hall.ears.published))
    hall.log.away = True
    assert await code_of(hall.conduct.raise_hand(hall.room, member)) is ErrorCode.LOG_UNAVAILABLE
    assert await code_of(hall.conduct.post_remark(hall.room, member, "x", "r")) is ErrorCode.LOG_UNAVAILABLE
    assert (hall.room.revisions.current, len(hall.ears.published)) == before
    assert hall.room.hands.infos() == ()


async def test_hands_and_floor(hall: Hall) -> None:
    host, member, other = await hall.sit("host"), await hall.sit("n1"), await hall.sit("n2")
    await hall.start()
    await hall.conduct.raise_hand(hall.room, member)
    await hall.conduct.raise_hand(hall.room, member)
    assert hall.log.types().count("hand_raised") == 1
    lowering = hall.conduct.lower_hand(hall.room, other, member.participant_id)
    assert await code_of(lowering) is ErrorCode.FORBIDDEN
    await hall.conduct.give_floor(hall.room, host, member.participant_id, "g1")
    assert hall.room.hands.infos() == ()
    assert hall.room.floor.is_held_by(member.participant_id)
    assert await code_of(hall.conduct.end_floor(hall.room, other)) is ErrorCode.FORBIDDEN
    hall.clock.advance(1_000)
    await hall.conduct.give_floor(hall.room, host, other.participant_id, "g2")
    turn = hall.room.remarks.last()[0]
    assert (turn.kind, turn.until_ms) == ("spoken", hall.clock.now)
    await hall.conduct.end_floor(hall.room, other)
    await hall.conduct.end_floor(hall.room, other)
    assert hall.log.types().count("floor_ended") == 2
    assert "by" not in hall.log.payload()
    await hall.conduct.give_floor(hall.room, host, other.participant_id, "g2")  # an old request, sent again
    assert hall.room.floor.turn is None


async def test_host_takes_a_hand_down(hall: Hall) -> None:
    host, member = await hall.sit("host"), await hall.sit("n1")
    await hall.conduct.raise_hand(hall.room, member)
    await hall.conduct.lower_hand(hall.room, host, member.participant_id)
    assert hall.log.payload()["by"] == "host"
    await hall.conduct.lower_hand(hall.room, member, None)
    assert hall.log.types().count("hand_lowered") == 1
    assert await code_of(hall.conduct.lower_hand(hall.room, host, "nobody")) is ErrorCode.NOT_FOUND


async def test_observer_does_not_get_the_floor(hall: Hall) -> None:
    host, observer = await hall.sit("host"), await hall.sit("o")
    await hall.start()
    giving = hall.conduct.give_floor(hall.room, host, observer.participant_id, "g")
    assert await code_of(giving) is ErrorCode.CONFLICT


async def test_agenda_moves_and_marks_remarks(hall: Hall) -> None:
    host = await hall.sit("host")
    assert await code_of(hall.conduct.move_agenda(hall.room, host, "a1")) is ErrorCode.MEETING_STATE
    await hall.start()
    await hall.conduct.move_agenda(hall.room, host, "a1")
    await hall.conduct.move_agenda(hall.room, host, "a1")
    assert hall.log.types().count("agenda_moved") == 1
    assert await code_of(hall.conduct.move_agenda(hall.room, host, "zz")) is ErrorCode.NOT_FOUND
    await hall.conduct.post_remark(hall.room, host, "第一项", "r")
    assert hall.log.payload()["agenda_item_id"] == "a1"


async def test_publishing_muting_pinning(hall: Hall) -> None:
    host, member, observer = await hall.sit("host"), await hall.sit("n1"), await hall.sit("o")
    conduct, room = hall.conduct, hall.room
    assert await code_of(conduct.publish(room, observer, "microphone", muted=False)) is ErrorCode.FORBIDDEN
    assert await code_of(conduct.publish(room, member, "screen", muted=False)) is ErrorCode.FORBIDDEN
    assert await code_of(conduct.mute(room, member, "microphone", muted=True)) is ErrorCode.NOT_FOUND
    await conduct.publish(room, member, "microphone", muted=False)
    await conduct.publish(room, member, "microphone", muted=False)
    assert hall.log.types().count("publication_started") == 1
    await conduct.mute_other(room, host, member.participant_id)
    await conduct.mute_other(room, host, member.participant_id)
    assert hall.log.types().count("muted_by_host") == 1
    assert hall.ears.told == [("c-n1", MuteRequested(source="microphone"))]
    publication_id = f"{member.participant_id}:microphone"
    muted = room.publications.get(publication_id)
    assert muted is not None
    assert muted.muted
    await conduct.publish(room, member, "microphone", muted=False)
    assert hall.log.payload() == {"participant_id": member.participant_id, "source": "microphone", "muted": False}
    assert await code_of(conduct.pin_stage(room, host, "zz")) is ErrorCode.NOT_FOUND
    await conduct.pin_stage(room, host, publication_id)
    await conduct.unpublish(room, member, "microphone")
    await conduct.unpublish(room, member, "microphone")
    assert hall.ears.names()[-2:] == ["publication.removed", "stage.changed"]
    assert room.stage.pinned is None


async def test_after_the_end_nothing_is_taken(hall: Hall) -> None:
    member = await hall.sit("n1")
    hall.room.state = MeetingState.ENDED
    assert await code_of(hall.conduct.sign_in(hall.room, member)) is ErrorCode.MEETING_STATE
    assert await code_of(hall.conduct.raise_hand(hall.room, member)) is ErrorCode.MEETING_STATE


async def test_a_command_that_waited_while_its_sender_was_removed_does_nothing(hall: Hall) -> None:
    host, member = await hall.sit("host"), await hall.sit("n1")
    await hall.start()
    async with hall.room.lock:
        waiting = [
            asyncio.create_task(code_of(action))
            for action in (
                hall.conduct.post_remark(hall.room, member, "晚了", "r"),
                hall.conduct.raise_hand(hall.room, member),
                hall.conduct.publish(hall.room, member, "camera", muted=False),
                hall.conduct.sign_in(hall.room, member),
            )
        ]
        await asyncio.sleep(0)  # they wait for the lock
        payload = {"participant_id": member.participant_id, "member_id": "n1", "reason": "removed"}
        await hall.desk.record(hall.room, "left", payload, actor=host.member_id)
    assert await asyncio.gather(*waiting) == [ErrorCode.NOT_JOINED] * 4
    assert hall.log.types()[-1] == "left"
    assert not hall.room.hands.infos()
    assert not hall.room.publications.infos()


async def test_what_the_host_takes_ends_at_once_and_stays_taken_through_reconnects(hall: Hall) -> None:
    host, member = await hall.sit("host"), await hall.sit("n1")
    await hall.conduct.publish(hall.room, member, "microphone", muted=False)
    await hall.conduct.publish(hall.room, member, "camera", muted=False)
    await hall.conduct.allow(hall.room, host, member.participant_id, ["audio", "screen"])
    assert [info.source for info in hall.room.publications.infos()] == ["microphone"]
    assert [(who, event.NAME) for who, event in hall.ears.told] == [("c-n1", "grants.changed")]
    assert set(member.withheld) == {"video"}
    await hall.enter("n1", "after a tunnel", epoch=member.epoch)
    await hall.enter("n1", "another device")
    assert not member.grants().publish_video
    assert await code_of(hall.conduct.publish(hall.room, member, "camera", muted=False)) is ErrorCode.FORBIDDEN
    await hall.conduct.allow(hall.room, host, member.participant_id, ["audio", "video"])
    await hall.conduct.publish(hall.room, member, "camera", muted=False)
    assert not member.withheld  # the screen is not the role's, so nothing of it was taken


async def test_the_same_grants_again_change_nothing_and_nobody_takes_his_own(hall: Hall) -> None:
    host, member = await hall.sit("host"), await hall.sit("n1")
    before = len(hall.log.events)
    await hall.conduct.allow(hall.room, host, member.participant_id, ["audio", "video", "screen"])
    assert len(hall.log.events) == before
    assert await code_of(hall.conduct.allow(hall.room, host, host.participant_id, [])) is ErrorCode.VALIDATION
    assert await code_of(hall.conduct.allow(hall.room, host, "nobody", [])) is ErrorCode.NOT_FOUND


async def test_who_may_not_be_heard_gets_no_floor_but_may_raise_the_hand(hall: Hall) -> None:
    host, member = await hall.sit("host"), await hall.sit("n1")
    await hall.start()
    await hall.conduct.allow(hall.room, host, member.participant_id, ["video"])
    await hall.conduct.raise_hand(hall.room, member)
    refused = hall.conduct.give_floor(hall.room, host, member.participant_id, "g1")
    assert await code_of(refused) is ErrorCode.CONFLICT
