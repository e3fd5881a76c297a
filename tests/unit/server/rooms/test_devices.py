"""Encoders and players: announced, bounded, followed, and gone when nothing comes of them any more."""

from __future__ import annotations

import pytest

from media.control import Grants, ParticipantMedia, TransportState
from server.errors import NotFoundError
from server.protocol.codes import ErrorCode
from server.rooms.participant import Participant
from server.rooms.stage import SPEAKER_HOLD_MS, stage_of
from tests.unit.server.rooms.conftest import Hall
from tests.unit.server.rooms.test_conduct import code_of


async def _flow(hall: Hall, who: Participant, source: str, *, flowing: bool = True) -> str:
    publication_id = f"{who.participant_id}:{source}"
    if hall.room.publications.get(publication_id) is None:
        await hall.conduct.publish(hall.room, who, source, muted=False)  # type: ignore[arg-type]
    hall.media.handle_flow(hall.room, publication_id, flowing)
    return publication_id


async def test_an_encoder_is_announced_and_may_send_sound_and_camera(hall: Hall) -> None:
    await hall.sit("host")
    encoder = await hall.devices.join_device(hall.room, "host", "encoder", "礼堂\x00摄像机")
    await hall.devices.offer(hall.room, encoder, "v=0")
    assert hall.plane.grants[encoder.participant_id] == Grants(audio=True, video=True, screen=False)
    assert [p.source for p in hall.room.publications.infos()] == ["microphone", "camera"]
    assert (encoder.name, encoder.device) == ("礼堂摄像机", "encoder")
    assert hall.devices.find(hall.room, encoder.participant_id) is encoder
    await hall.devices.leave_device(hall.room, encoder.participant_id)
    await hall.devices.leave_device(hall.room, encoder.participant_id)
    assert hall.room.publications.infos() == ()
    assert hall.plane.transports == set()
    with pytest.raises(NotFoundError):
        hall.devices.find(hall.room, encoder.participant_id)


async def test_a_device_may_come_before_its_member_and_keeps_his_seat_for_him(hall: Hall) -> None:
    encoder = await hall.devices.join_device(hall.room, "host", "encoder")
    assert hall.room.present() == []
    seat = await hall.sit("host")
    assert encoder.companion_of == seat.participant_id


async def test_who_may_not_enter_or_publish_has_no_device(hall: Hall) -> None:
    assert await code_of(hall.devices.join_device(hall.room, "stranger", "player")) is ErrorCode.FORBIDDEN
    assert await code_of(hall.devices.join_device(hall.room, "o", "encoder")) is ErrorCode.FORBIDDEN
    for _ in range(4):
        await hall.devices.join_device(hall.room, "host", "player")
    assert await code_of(hall.devices.join_device(hall.room, "host", "player")) is ErrorCode.ROOM_FULL


async def test_a_device_whose_media_ended_is_given_up(hall: Hall) -> None:
    player = await hall.devices.join_device(hall.room, "host", "player")
    await hall.devices.offer(hall.room, player, "v=0")
    hall.clock.advance(14_000)
    await hall.media.handle_transport(hall.room, player.participant_id, TransportState.CONNECTED)
    hall.clock.advance(60_000)
    await hall.companions.sweep(hall.room)
    assert hall.room.companions
    await hall.media.handle_transport(hall.room, player.participant_id, TransportState.UNSTABLE)
    hall.clock.advance(9_000)
    await hall.companions.sweep(hall.room)
    assert hall.room.companions == {}
    assert hall.plane.transports == set()


async def test_after_a_restart_a_device_is_found_again_when_its_media_still_run(hall: Hall) -> None:
    kept = await hall.devices.join_device(hall.room, "host", "encoder")
    gone = await hall.devices.join_device(hall.room, "host", "player")
    hall.plane.transports |= {kept.participant_id}
    await hall.companions.recover(hall.room, hall.clock.monotonic + 30_000)
    running = ParticipantMedia(participant_id=kept.participant_id, state=TransportState.CONNECTED)
    await hall.media.handle_adopted(hall.room, (running,), lambda _: False)
    hall.clock.advance(30_000)
    await hall.companions.sweep(hall.room)
    assert hall.devices.find(hall.room, kept.participant_id) is kept
    assert gone.participant_id not in hall.room.companions


async def test_a_player_sees_the_stage_and_follows_it(hall: Hall) -> None:
    host, member = await hall.sit("host"), await hall.sit("n1")
    player = await hall.devices.join_device(hall.room, "host", "player")
    await hall.devices.sweep(hall.room)  # has not offered yet
    assert hall.plane.views == {}
    await hall.devices.offer(hall.room, player, "v=0")
    assert hall.plane.views == {player.participant_id: []}
    camera = await _flow(hall, member, "camera")
    await hall.devices.sweep(hall.room)
    assert hall.plane.views[player.participant_id] == [camera]
    screen = await _flow(hall, host, "screen")
    await hall.devices.sweep(hall.room)
    assert hall.plane.views[player.participant_id] == [screen]
    hall.plane.views.clear()
    await hall.devices.sweep(hall.room)
    assert hall.plane.views == {}  # nothing new
    hall.devices.forget_views(hall.room, None)
    await hall.devices.sweep(hall.room)
    assert hall.plane.views == {player.participant_id: [screen]}


async def test_the_stage_is_the_screen_then_the_pinned_then_who_has_been_speaking(hall: Hall) -> None:
    host, one, two = await hall.sit("host"), await hall.sit("n1"), await hall.sit("n2")
    first, second = await _flow(hall, one, "camera"), await _flow(hall, two, "camera")

    def stage(current: str | None) -> str | None:
        return stage_of(hall.room, current, hall.clock.monotonic)

    assert stage(None) == first
    hall.media.handle_speakers(hall.room, (two.participant_id,))
    assert stage(None) == second
    assert stage(first) == first  # a cough
    hall.clock.advance(SPEAKER_HOLD_MS)
    assert stage(first) == second
    hall.media.handle_speakers(hall.room, ())
    assert stage(second) == second
    await hall.conduct.pin_stage(hall.room, host, first)
    assert stage(second) == first
    screen = await _flow(hall, host, "screen")
    assert stage(first) == screen
    await _flow(hall, host, "screen", flowing=False)
    await _flow(hall, one, "camera", flowing=False)
    assert stage(first) == second
    await _flow(hall, two, "camera", flowing=False)
    assert stage(second) is None


async def test_an_encoder_whose_sound_was_taken_and_given_back_is_announced_again(hall: Hall) -> None:
    host = await hall.sit("host")
    encoder = await hall.devices.join_device(hall.room, "host", "encoder")
    await hall.conduct.allow(hall.room, host, encoder.participant_id, ["video"])
    assert [p.source for p in hall.room.publications.infos()] == ["camera"]
    await hall.conduct.allow(hall.room, host, encoder.participant_id, ["audio", "video"])
    assert {p.source for p in hall.room.publications.infos()} == {"camera", "microphone"}


async def test_a_removed_member_takes_no_device_of_another(hall: Hall) -> None:
    await hall.sit("host")
    await hall.sit("n1")
    await hall.devices.join_device(hall.room, "n1", "player")
    kept = await hall.devices.join_device(hall.room, "host", "player")
    await hall.companions.end_of_member(hall.room, "n1", "removed", None)
    assert list(hall.room.companions) == [kept.participant_id]
