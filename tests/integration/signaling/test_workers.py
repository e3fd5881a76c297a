"""Media workers and recorders that come, go, refuse and come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from media import control as media_control
from recordings import control as recordings_control
from server.rooms.recording import AGAIN_FIRST_MS
from server.storage.models import Meeting, Recording, Segment
from tests.integration.signaling.guest import Guest, MediaPeer, RecorderPeer, until
from tests.integration.signaling.house import House, SkippingClock, furnish


@pytest.fixture
async def recorded(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """A house whose meeting is recorded, on SQLite and on PostgreSQL."""
    await furnish(tmp_path, record=True, database_url=database_url)
    house = House(tmp_path, database_url=database_url)
    await house.start()
    yield house
    await house.stop()


async def test_a_lost_worker_is_replaced_and_everybody_told(house: House) -> None:
    first, second = MediaPeer(house.url, "w1"), MediaPeer(house.url, "w2")
    await first.start()
    member = await Guest(house.url).enter(house.ticket("n1"))
    await member.do("transport.offer", sdp="v=0")
    await member.do("publication.add", source="camera")
    flow = media_control.PublicationMedia(room_id="m", publication_id=f"{member.me}:camera", flowing=True, codec="H264")
    await first.say(flow)
    await first.say(media_control.SpeakersChanged(room_id="m", participant_ids=(member.me,)))
    await until(lambda: bool(member.heard("speakers.changed")), "who speaks")
    assert member.heard("publication.changed")[-1]["publication"]["flowing"] is True
    await second.start()
    await first.close()
    await until(lambda: bool(member.heard("media.moved")), "everybody is told to offer again")
    assert member.heard("publication.changed")[-1]["publication"]["flowing"] is False
    assert (await member.do("transport.offer", sdp="v=0"))["sdp"] == "v=0 w2"
    await member.close()
    await second.close()


async def test_after_a_restart_a_room_waits_for_the_worker_that_carries_it(tmp_path: Path) -> None:
    await furnish(tmp_path, record=True)
    house = House(tmp_path)
    await house.start()
    carrier, other, recorder = MediaPeer(house.url, "w2"), MediaPeer(house.url, "w1"), RecorderPeer(house.url)
    await carrier.start()
    await recorder.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await until(lambda: bool(recorder.called("recording.start")), "the recording begins")
    await house.stop()
    await house.start()
    await other.start()
    again = RecorderPeer(house.url)
    await again.start()
    await carrier.start()
    await until(lambda: bool(again.called("recording.start")), "the recorder is told again")
    assert again.called("recording.start")[-1]["tap"] == "unix:/w2"
    assert not [call for call, _ in other.calls if call == "room.open"]
    assert not [call for call, _ in carrier.calls if call == "room.close"]
    for guest in (carrier, other, again, recorder, host):
        await guest.close()
    await house.stop()


async def test_a_room_without_a_worker_moves_to_the_next_that_comes(house: House) -> None:
    first = MediaPeer(house.url, "w1")
    await first.start()
    member = await Guest(house.url).enter(house.ticket("n1"))
    await member.do("transport.offer", sdp="v=0")
    await first.close()
    await until(lambda: house.services.media.count == 0, "the worker is gone")
    assert await member.refused("transport.offer", sdp="v=0") == "media_unavailable"
    await until(lambda: "m" in house.services.media._homeless, "the room has no home", 5)
    later = MediaPeer(house.url, "w9")
    await later.start()
    await until(lambda: bool(member.heard("media.moved")), "the room has moved")
    assert (await member.do("transport.offer", sdp="v=0"))["sdp"] == "v=0 w9"
    await member.close()
    await later.close()


async def test_a_worker_that_is_back_at_once_keeps_its_rooms(house: House) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    member = await Guest(house.url).enter(house.ticket("n1"))
    await member.do("transport.offer", sdp="v=0")
    await worker.close()
    await worker.start()
    await member.do("transport.offer", sdp="v=0")
    assert len(worker.called("room.open")) == 1
    assert not member.heard("media.moved")
    await member.close()
    await worker.close()


async def test_a_worker_that_forgot_the_room_gets_it_again(house: House) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    member = await Guest(house.url).enter(house.ticket("n1"))
    await member.do("transport.offer", sdp="v=0")
    worker.rooms.clear()
    await member.do("transport.offer", sdp="v=0")
    assert len(worker.called("room.open")) == 2
    await member.close()
    await worker.close()


async def test_rooms_go_to_the_worker_with_the_fewest(house: House) -> None:
    workers = [MediaPeer(house.url, f"w{i}") for i in range(2)]
    for worker in workers:
        await worker.start()
    for number in range(4):
        await house.services.media.open_room(f"room{number}")
    assert [len(worker.rooms) for worker in workers] == [2, 2]
    await house.services.media.close_room("room0")
    await until(lambda: sum(len(worker.rooms) for worker in workers) == 3, "it is closed")
    for worker in workers:
        await worker.close()


async def test_media_liveness_shows_in_the_room(house: House) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    member = await Guest(house.url).enter(house.ticket("n1"))
    for state in (media_control.TransportState.CONNECTED, media_control.TransportState.UNSTABLE):
        await worker.say(media_control.TransportChanged(room_id="m", participant_id=member.me, state=state))
    await until(lambda: bool(host.heard("participant.changed")), "the host sees it")
    assert host.heard("participant.changed")[-1]["participant"]["presence"] == "unstable"
    for guest in (host, member):
        await guest.close()
    await worker.close()


async def _row(house: House) -> Recording | None:
    async with house.services.db.session() as session:
        return (await session.execute(select(Recording))).scalar_one_or_none()


async def test_a_recording_from_start_to_finish(recorded: House) -> None:
    house = recorded
    worker, recorder = MediaPeer(house.url), RecorderPeer(house.url)
    await worker.start()
    await recorder.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await until(lambda: bool(recorder.called("recording.start")), "the recorder is told to start")
    start = recorder.called("recording.start")[0]
    assert (start["room_id"], start["tap"]) == ("m", "unix:/w1")
    recording_id = start["recording_id"]
    changed = recordings_control.RecordingChanged(
        recording_id=recording_id, state=recordings_control.RecordingState.RECORDING, origin_ms=1_000
    )
    await recorder.say(changed)
    await until(lambda: bool(host.heard("recording.changed")), "everybody sees it")
    segment = recordings_control.RecordingSegment(
        recording_id=recording_id, index=0, key="k/0.m4s", sha256="a" * 64, bytes=9, start_ms=0, duration_ms=2_000
    )
    for _ in range(2):  # told again: kept once
        assert await recorder.say(segment) == {"ok": True}
    await host.do("publication.add", source="camera")
    await host.do("stage.pin", publication_id=f"{host.me}:camera")
    await host.do("recording.pause")
    await host.do("recording.pause")
    await until(lambda: bool(recorder.called("recording.pause")), "the recorder is told to pause")
    await host.do("recording.resume")
    await until(lambda: bool(recorder.called("recording.resume")), "the recorder is told to go on")
    await until(lambda: bool(recorder.called("recording.stage")), "the recorder knows the stage")
    await host.do("meeting.end")
    await until(lambda: bool(recorder.called("recording.stop")), "the recorder is told to stop")
    assert not worker.called("room.close")
    gap = recordings_control.Gap(start_ms=1, end_ms=2, reason="pause")
    finished = changed.model_copy(
        update={"state": recordings_control.RecordingState.FINISHED, "duration_ms": 2_000, "gaps": (gap,)}
    )
    for _ in range(2):
        await recorder.say(finished)
    await until(lambda: house.book.finished == [recording_id], "the ledger hears of it once")
    await until(lambda: bool(worker.called("room.close")), "the media room is closed")
    events = await house.services.log.read("m")
    types = [event.type for event in events]
    for type_ in ("recording_started", "recording_segment", "recording_paused", "recording_resumed"):
        assert types.count(type_) == 1, type_
    assert types.count("recording_finished") == 1
    row = await _row(house)
    assert row is not None
    assert (row.state, row.origin_ms, row.duration_ms) == ("finished", 1_000, 2_000)
    assert row.gaps == [{"start_ms": 1, "end_ms": 2, "reason": "pause"}]
    async with house.services.db.session() as session:
        assert (await session.execute(select(Segment.key, Segment.bytes))).all() == [("k/0.m4s", 9)]
        meeting = await session.get_one(Meeting, "m")
    assert meeting.state == "ended"
    assert meeting.started_ms is not None
    assert meeting.ended_ms is not None
    for peer in (host, worker, recorder):
        await peer.close()


async def test_without_a_recorder_everybody_sees_it_and_one_that_comes_starts(recorded: House) -> None:
    house = recorded
    worker, recorder = MediaPeer(house.url), RecorderPeer(house.url)
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await until(lambda: any(e["recording"]["code"] for e in host.heard("recording.changed")), "the alarm")
    assert host.heard("recording.changed")[-1]["recording"]["code"] == "recorder_unavailable"
    await recorder.start()  # no media worker yet: tried again until there is one
    await worker.start()
    await until(lambda: bool(recorder.called("recording.start")), "the recorder starts")
    recording_id = recorder.called("recording.start")[0]["recording_id"]
    await recorder.close()
    recorder.held = (recording_id,)
    await recorder.start()
    await until(lambda: len(recorder.called("recording.start")) == 2, "it is told again after its return")
    await worker.close()
    other = MediaPeer(house.url, "w2")
    await other.start()
    await until(lambda: recorder.called("recording.start")[-1]["tap"] == "unix:/w2", "the new tap is told")
    for peer in (host, recorder, other):
        await peer.close()


async def test_nonsense_from_workers_is_counted_not_obeyed(house: House) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    for name, payload in (
        ("worker.hello", {"x": 1}),
        ("transport.changed", {"room_id": "m"}),
        ("publication.media", []),
        ("nonsense", {}),
    ):
        await worker.sio.call(name, payload, namespace=media_control.NAMESPACE)
    gone = media_control.TransportChanged(
        room_id="unknown", participant_id="p", state=media_control.TransportState.CONNECTED
    )
    await worker.say(gone)
    stats = media_control.WorkerStats(worker_id="w1", counters={"packets": 5})
    await worker.say(stats)
    assert house.services.media.counters() == {"w1": {"packets": 5}}
    await worker.close()


@pytest.fixture
async def skipping(tmp_path: Path) -> AsyncIterator[tuple[House, SkippingClock]]:
    await furnish(tmp_path, record=True)
    clock = SkippingClock()
    house = House(tmp_path, clock)
    await house.start()
    yield house, clock
    await house.stop()


async def test_after_a_failed_recording_a_new_one_begins(skipping: tuple[House, SkippingClock]) -> None:
    house, clock = skipping
    worker, recorder = MediaPeer(house.url), RecorderPeer(house.url)
    await worker.start()
    await recorder.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")

    async def fail(number: int) -> None:
        await until(lambda: len(recorder.called("recording.start")) == number, f"recording {number} starts")
        recording_id = recorder.called("recording.start")[-1]["recording_id"]
        failed = recordings_control.RecordingState.FAILED
        await recorder.say(recordings_control.RecordingChanged(recording_id=recording_id, state=failed))

    await fail(1)
    clock.skipped_ms += AGAIN_FIRST_MS
    await until(lambda: len(recorder.called("recording.start")) == 2, "a new recording starts")
    await host.do("recording.pause")
    await fail(2)
    clock.skipped_ms += AGAIN_FIRST_MS * 10
    room = house.services.rooms.get("m")
    assert room is not None
    await house.services.rooms.sweep(room)
    assert len(recorder.called("recording.start")) == 2  # the host had paused it
    await host.do("recording.resume")
    await until(lambda: len(recorder.called("recording.start")) == 3, "the host wants it recorded again")
    assert not room.recording_paused
    ids = [call["recording_id"] for call in recorder.called("recording.start")]
    assert len(set(ids)) == 3
    for peer in (host, worker, recorder):
        await peer.close()


async def test_going_on_without_a_recorder_is_not_shown_as_recording(recorded: House) -> None:
    house = recorded
    host = await Guest(house.url).enter(house.ticket("host"))
    await host.do("meeting.start")
    await host.do("recording.pause")
    room = house.services.rooms.get("m")
    assert room is not None
    await until(lambda: room.recording.state == "paused", "it is paused")
    await host.do("recording.resume")
    await until(lambda: room.recording.code == "recorder_unavailable", "everybody hears that nothing is recorded")
    assert room.recording.state == "stalled"
    await host.close()
