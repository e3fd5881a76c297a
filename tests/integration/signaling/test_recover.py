"""A server that starts again on the same folder: rooms, seats, recordings and unfinished ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from recordings import control as recordings_control
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.rooms.presence import LEASE_MS, RECOVERY_GRACE_MS
from server.rooms.registry import INTERRUPTED_AFTER_MS
from server.rooms.room import Room
from server.storage.models import Meeting
from tests.integration.signaling.guest import Guest, MediaPeer, RecorderPeer, until
from tests.integration.signaling.house import House, SkippingClock, furnish
from tests.integration.signaling.test_resume import come_back


async def state_of(house: House) -> str:
    async with house.services.db.session() as session:
        return (await session.get_one(Meeting, "m")).state


async def test_who_comes_back_is_the_same_and_who_does_not_is_lost(tmp_path: Path) -> None:
    await furnish(tmp_path)
    clock = SkippingClock()
    house = House(tmp_path, clock)
    await house.start()
    port = house.port
    host = await Guest(house.url).enter(house.ticket("host"))
    member = await Guest(house.url).enter(house.ticket("n1"))
    await host.do("meeting.start")
    await house.stop()

    house = House(tmp_path, clock, port)
    await house.start()
    back = await come_back(host)
    shown = {p["participant_id"]: p["presence"] for p in back.joined["snapshot"]["participants"]}
    assert shown == {host.me: "present", member.me: "unstable"}
    clock.skipped_ms += LEASE_MS + 1_000
    room = house.services.rooms.get("m")
    assert room is not None
    await house.services.rooms.sweep(room)
    assert not back.heard("participant.left")  # still in the grace after the restart
    clock.skipped_ms += RECOVERY_GRACE_MS
    await until(lambda: bool(back.heard("participant.left")), "the one who did not come back is lost")
    left = back.heard("participant.left")[0]
    assert (left["participant_id"], left["reason"]) == (member.me, "lost")
    assert left["at_ms"] < clock.now_ms() - RECOVERY_GRACE_MS  # its last proof of life lies before the restart
    late = await come_back(member)
    assert late.me == member.me
    for guest in (host, member, back, late):
        await guest.close()
    await house.stop()


async def test_nobody_comes_back_then_the_host_goes_on(tmp_path: Path) -> None:
    await furnish(tmp_path)
    clock = SkippingClock()
    house = House(tmp_path, clock)
    await house.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await host.close()
    await house.stop()

    house = House(tmp_path, clock)
    await house.start()
    room = house.services.rooms.get("m")
    assert room is not None
    clock.skipped_ms += RECOVERY_GRACE_MS + LEASE_MS
    await until(lambda: not room.present(), "everybody is lost")
    clock.skipped_ms += INTERRUPTED_AFTER_MS
    await until(lambda: room.state == "interrupted", "the meeting is interrupted")
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await until(lambda: bool(host.heard("meeting.changed")), "the change arrives")
    assert host.heard("meeting.changed")[-1]["state"] == "live"
    await host.do("meeting.end")
    await until(lambda: house.book.assembled == ["m"], "the ledger entry")
    types = [event.type for event in await house.services.log.read("m")]
    for type_ in ("meeting_interrupted", "meeting_resumed", "meeting_ended", "meeting_opened"):
        assert types.count(type_) == 1, type_
    assert await state_of(house) == "ended"
    await host.close()
    await house.stop()


async def test_what_follows_from_the_end_is_done_by_the_next_process(tmp_path: Path) -> None:
    await furnish(tmp_path, record=True)
    house = House(tmp_path)
    await house.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    # Nothing of this process' deferred work reaches the database: as if it were killed here.
    await house.services.rooms._deferred.close(0)
    house.services.rooms._deferred.put = lambda *_: None  # type: ignore[method-assign]
    await host.do("meeting.end")
    await host.close()
    await house.stop()

    house = House(tmp_path)
    await house.start()
    worker, recorder = MediaPeer(house.url), RecorderPeer(house.url)
    await worker.start()
    await recorder.start()
    await until(lambda: house.book.assembled == ["m"], "the ledger entry")
    assert await state_of(house) == "ended"
    await until(lambda: bool(recorder.called("recording.stop")), "the recording is brought to its end")
    recording_id = recorder.called("recording.start")[0]["recording_id"]
    finished = recordings_control.RecordingChanged(
        recording_id=recording_id, state=recordings_control.RecordingState.FINISHED, duration_ms=5
    )
    await recorder.say(finished)
    await until(lambda: house.book.finished == [recording_id], "the recording is finished")
    for peer in (worker, recorder):
        await peer.close()
    await house.stop()


async def test_the_database_away_stops_no_meeting(tmp_path: Path) -> None:
    await furnish(tmp_path)
    house = House(tmp_path)
    await house.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await house.services.log.flush("m")
    await house.services.rooms._deferred.drained()
    aside = tmp_path / "aside"
    aside.mkdir()
    await house.services.db.engine.dispose()
    for part in tmp_path.glob("huitang.db*"):
        part.rename(aside / part.name)
    (tmp_path / "huitang.db").mkdir()
    for number in range(20):
        await host.do("remark.post", text=f"第{number}句")
    await host.do("sign_in.self")
    stranger = Guest(house.url)
    assert not await stranger.connect(ticket=house.ticket("n1", "other"))
    assert stranger.refusal is not None
    assert stranger.refusal["data"]["code"] == "database_away"
    member = await Guest(house.url).enter(house.ticket("n1"))  # the room is known: no database needed
    assert len(member.joined["snapshot"]["remarks"]) == 20
    await host.do("meeting.end")
    (tmp_path / "huitang.db").rmdir()
    for part in aside.iterdir():
        part.rename(tmp_path / part.name)
    await until(lambda: house.book.assembled == ["m"], "what waited is done")
    types = [event.type for event in await house.services.log.read("m")]
    assert types.count("remark") == 20
    assert await state_of(house) == "ended"
    for guest in (host, member):
        await guest.close()
    await house.stop()


async def test_a_meeting_that_began_is_not_cancelled_and_one_that_is_sends_everybody_home(house: House) -> None:
    waiting = await Guest(house.url).enter(house.ticket("n1"))
    rooms = house.services.rooms
    await rooms.cancel("m")
    await until(lambda: bool(waiting.heard("room.closed")), "who waited is sent home")
    assert not await Guest(house.url).connect(ticket=house.ticket("host"))
    async with house.services.db.session() as session:
        meeting = await session.get_one(Meeting, "m")
        assert meeting.state == "cancelled"
    await waiting.close()


async def test_cancelling_a_live_meeting_is_refused_whatever_the_table_says(house: House) -> None:
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await house.services.rooms._deferred.drained()
    async with house.services.db.session() as session:  # as while the database had been away at the start
        (await session.get_one(Meeting, "m")).state = "scheduled"
    with pytest.raises(AppError) as caught:
        await house.services.rooms.cancel("m")
    assert caught.value.code is ErrorCode.MEETING_STATE
    await host.close()


async def test_a_slow_room_holds_up_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = house.services.rooms
    first = await rooms.enter("m")
    rooms._rooms["n"] = second = Room(replace(first.definition, meeting_id="n"), 0)
    swept: list[str] = []

    async def sweep(room: Room) -> None:
        swept.append(room.meeting_id)
        if room is first:
            await asyncio.Event().wait()

    monkeypatch.setattr(rooms, "sweep", sweep)
    await until(lambda: swept.count(second.meeting_id) >= 2, "the other room is swept again")
    assert swept.count("m") == 1
