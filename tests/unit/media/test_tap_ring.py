"""The tap's ring: what a recorder gets at first, after a restart, and after too long a time."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from media import tap
from media.tap_ring import TapRing
from tests.unit.media.conftest import FrozenClock, rtp


class Recorder:
    """Collects frames as a recorder would."""

    def __init__(self) -> None:
        self.frames: list[tap.TapFrame] = []
        self.is_closed = False

    def take(self, data: bytes) -> None:
        frame, end = tap.decode_frame(data)
        assert frame is not None
        assert end == len(data)
        self.frames.append(frame)

    def close(self) -> None:
        self.is_closed = True

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(frame.body) for frame in self.frames if frame.type == tap.EVENT]

    @property
    def packets(self) -> list[int]:
        return [int.from_bytes(frame.body[4:6], "big") for frame in self.frames if frame.type == tap.RTP]


def track(publication_id: str = "a:camera") -> Any:
    participant, source = publication_id.split(":")
    publication = SimpleNamespace(id=publication_id, participant_id=participant, source=source, kind="video")
    codec = SimpleNamespace(name="H264", clock_rate=90000, payload_type=108)
    return SimpleNamespace(publication=publication, codec=codec)


@pytest.fixture
def ring(clock: FrozenClock) -> TapRing:
    return TapRing("r", clock)


def join(ring: TapRing, after: int | None = None) -> Recorder:
    recorder = Recorder()
    ring.join(recorder.take, recorder.close, after)
    return recorder


def test_a_new_recorder_begins_now(ring: TapRing) -> None:
    number = ring.add_track(track())
    ring.append_rtp(number, rtp(1))
    recorder = join(ring)
    ring.append_rtp(number, rtp(2))
    ring.append_sender_report(number, 1 << 40, 5)
    assert recorder.packets == [2]
    (room,) = recorder.events
    assert room["event"] == "room"
    assert room["room_id"] == "r"
    (info,) = room["tracks"]
    assert (info["number"], info["codec"], info["clock_rate"], info["payload_type"]) == (number, "H264", 90000, 108)
    assert tap.SENDER_REPORT.unpack(recorder.frames[-1].body) == (number, 1 << 40, 5)


def test_a_restarted_recorder_loses_nothing(ring: TapRing) -> None:
    number = ring.add_track(track())
    first = join(ring)
    ring.append_rtp(number, rtp(1))
    ring.leave(first.take)
    ring.append_rtp(number, rtp(2))
    second = join(ring, first.frames[-1].sequence)
    ring.append_rtp(number, rtp(3))
    assert second.packets == [2, 3]
    assert [event["event"] for event in second.events] == ["room"]
    assert second.frames[0].sequence == first.frames[-1].sequence, "nothing is skipped if it stops right here again"


def test_what_left_the_ring_is_declared(ring: TapRing, clock: FrozenClock) -> None:
    number = ring.add_track(track())
    ring.append_rtp(number, rtp(1))
    clock.now += 16
    ring.append_rtp(number, rtp(2))
    ring.append_rtp(number, rtp(3))
    recorder = join(ring, 1)
    assert [event["event"] for event in recorder.events] == ["room", "resync"]
    assert recorder.packets == [2, 3]
    assert join(ring, 10_000).events[1] == {"event": "resync"}, "a number of another worker's life"


def test_tracks_come_and_go(ring: TapRing, clock: FrozenClock) -> None:
    recorder = join(ring)
    first = ring.add_track(track())
    second = ring.add_track(track())
    assert first != second
    assert [event["event"] for event in recorder.events] == ["room", "track_added", "track_removed", "track_added"]
    assert [info["number"] for info in join(ring, 0).events[0]["tracks"]] == [first, second], "still in the ring"
    ring.remove_track(99)
    clock.now += 16
    ring.append_rtp(second, rtp(1))
    assert [info["number"] for info in join(ring).events[0]["tracks"]] == [second]


def test_memory_is_bounded(ring: TapRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.tap_ring.MAX_BYTES", 1000)
    for index in range(100):
        ring.append_rtp(1, rtp(index))
    assert ring._bytes <= 1000
    recorder = join(ring, 0)
    assert recorder.packets == list(range(100 - len(recorder.packets), 100))


def test_the_end_of_the_room_closes_listeners(ring: TapRing) -> None:
    recorder = join(ring)
    ring.close()
    assert recorder.is_closed
    ring.append_rtp(1, rtp(1))
    assert len(recorder.frames) == 1


def test_impossible_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        tap.decode_frame(b"\xff\xff\xff\xff" + bytes(40))
    assert tap.decode_frame(b"\0\0") == (None, 0)
    frame = tap.encode_frame(tap.RTP, 1, 2, b"body")
    assert tap.decode_frame(frame[:-1]) == (None, 0)
