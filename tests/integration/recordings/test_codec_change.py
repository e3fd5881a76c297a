"""A publication that changes its codec on the way, for a viewer who cannot take the first: the program goes on."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from recordings.control import RecordingStage
from tests.integration.recordings.conftest import Bench
from tests.integration.recordings.publishers import Camera, Microphone, read_counter
from tests.integration.recordings.tap_source import Sender, TapSource

pytestmark = pytest.mark.integration


def change_codec(room: TapSource, sender: Sender, codec: str) -> None:
    """As the media worker shows it: with a packet of another codec the track ends and its successor begins."""
    former = sender.camera
    assert former is not None
    changed = Camera(codec, former.width, former.height, former.fps, 1)
    changed.counter, changed.stream = former.counter, former.stream
    changed.stream._payload_type = changed.payload_type
    del room._tracks[sender.camera_number]
    room.event({"event": "track_removed", "number": sender.camera_number})
    sender.camera = changed
    sender.camera_number = room._add(sender, "camera", "video", codec, 90_000, changed.payload_type)
    sender.due(room, sender._next_picture / changed.fps)


async def test_no_picture_is_lost_when_a_publication_changes_its_codec_and_back(bench: Bench) -> None:
    audience, lecturer = Sender("audience"), Sender("lecturer")
    audience.camera = Camera("H264", 160, 96, 5, 7)
    lecturer.camera, lecturer.microphone = Camera("H264", 320, 180, 15, 1), Microphone(440, 2)
    bench.room.join(audience)
    bench.room.join(lecturer)
    await bench.record()
    await bench.server.call(RecordingStage(recording_id="rec-1", publication_id="lecturer:camera"))
    await asyncio.sleep(4)
    for codec in ("VP8", "H264"):
        change_codec(bench.room, lecturer, codec)
        await asyncio.sleep(4)
    await bench.stop_recording()
    found = await bench.probe()
    assert found.codecs == ("aac", "h264") and found.damaged == 0 and found.gaps == ()
    lecture = [frame for frame in found.frames if frame.width == 320]
    sizes = [frame.width for frame in found.frames[found.frames.index(lecture[0]) :]]
    assert set(sizes) == {320}, "nobody else takes the picture meanwhile"
    counters = [read_counter(frame.top_line) for frame in lecture]
    assert len(counters) > 15 * 10
    assert counters == list(range(counters[0], counters[-1] + 1)), counters
    assert max(after.time_s - before.time_s for before, after in pairwise(lecture)) < 0.5
