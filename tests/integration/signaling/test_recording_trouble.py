"""What a recorder says of a full disk reaches everybody in the room, and those who come later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recordings.control import RecordingChanged, RecordingErrorCode, RecordingState
from tests.integration.signaling.guest import Guest, MediaPeer, RecorderPeer, until
from tests.integration.signaling.house import House, furnish


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[House]:
    """A house whose meeting is recorded."""
    await furnish(tmp_path, record=True)
    house = House(tmp_path)
    await house.start()
    yield house
    await house.stop()


async def test_everybody_hears_of_a_full_disk_and_of_its_end(recorded: House) -> None:
    house = recorded
    worker, recorder = MediaPeer(house.url), RecorderPeer(house.url)
    await worker.start()
    await recorder.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    member = await Guest(house.url).enter(house.ticket("n1"))
    await host.do("meeting.start")
    await until(lambda: bool(recorder.called("recording.start")), "the recorder is told to start")
    recording_id = recorder.called("recording.start")[0]["recording_id"]
    codes = (RecordingErrorCode.STORE_FULL, RecordingErrorCode.SPOOL_FULL, RecordingErrorCode.STORE_AWAY)
    for code in codes:
        changed = RecordingChanged(recording_id=recording_id, state=RecordingState.RECORDING, code=code)
        assert await recorder.say(changed) == {"ok": True}
    await until(lambda: len(member.heard("recording.changed")) >= len(codes), "everybody hears it")
    told = [event["recording"] for event in member.heard("recording.changed")]
    assert [each["code"] for each in told][-3:] == ["store_full", "spool_full", "store_away"]
    assert {each["state"] for each in told[-3:]} == {"recording"}
    later = await Guest(house.url).enter(house.ticket("n2"))
    room = house.services.rooms.get("m")
    assert room is not None and room.recording.code == "store_away"
    await recorder.say(RecordingChanged(recording_id=recording_id, state=RecordingState.RECORDING))
    await until(lambda: bool(later.heard("recording.changed")), "the end of it is told")
    assert later.heard("recording.changed")[-1]["recording"]["code"] is None
    for peer in (later, member, host, recorder, worker):
        await peer.close()
