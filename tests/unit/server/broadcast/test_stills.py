"""A recorder is asked for a still once a second, whoever wants it."""

from __future__ import annotations

import asyncio

from recordings.control import StillTaken
from server.broadcast.stills import KEPT_MS, LiveStills, Still
from server.workers.link import WorkerCallError
from tests.conftest import SetClock


class Recorder:
    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.answer: StillTaken | None = StillTaken(etag="a", jpeg=b"first")

    async def still(self, recording_id: str, known: str | None) -> StillTaken:
        assert recording_id == "r"
        self.asked.append(known)
        await asyncio.sleep(0)
        if self.answer is None:
            raise WorkerCallError(None, "away")
        return self.answer


async def test_a_crowd_asks_once_and_the_same_picture_does_not_travel_again(clock: SetClock) -> None:
    recorder = Recorder()
    stills = LiveStills(recorder, clock)
    found = await asyncio.gather(*(stills.newest("r") for _ in range(20)))
    assert set(found) == {Still("a", b"first")} and recorder.asked == [None]
    clock.advance(KEPT_MS)
    recorder.answer = StillTaken(etag="a")
    assert await stills.newest("r") == Still("a", b"first")
    clock.advance(KEPT_MS)
    recorder.answer = StillTaken(etag="b", jpeg=b"second")
    assert await stills.newest("r") == Still("b", b"second")
    assert recorder.asked == [None, "a", "a"]


async def test_none_in_a_pause_and_while_the_recorder_is_away(clock: SetClock) -> None:
    recorder = Recorder()
    stills = LiveStills(recorder, clock)
    assert await stills.newest("r")
    for answer in (StillTaken(), None, StillTaken(etag="another")):
        clock.advance(KEPT_MS)
        recorder.answer = answer
        assert await stills.newest("r") is None
    clock.advance(KEPT_MS)
    recorder.answer = StillTaken(etag="a", jpeg=b"first")
    assert await stills.newest("r") == Still("a", b"first")
    assert recorder.asked[-1] is None
