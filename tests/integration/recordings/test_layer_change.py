"""A camera in layers: the media worker shows one at a time, another from its keyframe on. No picture may be lost."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from media.tap import SENDER_REPORT, SR
from recordings.control import RecordingStage
from tests.integration.recordings.conftest import Bench
from tests.integration.recordings.publishers import Camera, Microphone, read_counter
from tests.integration.recordings.server_stand_in import wait_for
from tests.integration.recordings.tap_source import NTP_EPOCH_S, Sender, TapSource

pytestmark = pytest.mark.integration
LAYERS = ((160, 96), (640, 368), (320, 192), (640, 368))


def change_layer(room: TapSource, sender: Sender, size: tuple[int, int]) -> None:
    """Another encoding of the same pictures: its own SSRC, numbers and time, announced with its newest report."""
    former = sender.camera
    assert former is not None
    layer = Camera("H264", *size, former.fps, sender.camera_number)
    layer.counter = former.counter
    del room._tracks[sender.camera_number]
    room.event({"event": "track_removed", "number": sender.camera_number})
    sender.camera = layer
    sender.camera_number = room._add(sender, "camera", "video", "H264", 90_000, layer.payload_type)
    media_s = room.media_s
    ntp_s = room.began_s + media_s + sender.clock_error_s + NTP_EPOCH_S
    report = SENDER_REPORT.pack(sender.camera_number, int(ntp_s * 2**32), layer.stream.rtp_time(media_s))
    room.frame(SR, report)
    sender.due(room, sender._next_picture / layer.fps)


async def test_no_picture_is_lost_when_the_layer_changes(bench: Bench) -> None:
    audience, lecturer = Sender("audience"), Sender("lecturer")
    audience.camera = Camera("H264", 96, 64, 5, 7)
    lecturer.camera, lecturer.microphone = Camera("H264", 320, 192, 15, 1), Microphone(440, 2)
    bench.room.join(audience)
    bench.room.join(lecturer)
    await bench.record()
    await bench.server.call(RecordingStage(recording_id="rec-1", publication_id="lecturer:camera"))
    await asyncio.sleep(4)
    for size in LAYERS:
        change_layer(bench.room, lecturer, size)
        await asyncio.sleep(2.5)
    await bench.stop_recording()
    found = await bench.probe()
    assert found.damaged == 0 and found.gaps == ()
    first = next(index for index, frame in enumerate(found.frames) if frame.width == 320)
    lecture = found.frames[first:]
    assert 96 not in {frame.width for frame in lecture}, "nobody else takes the picture meanwhile"
    widths = [lecture[0].width]
    widths += [after.width for before, after in pairwise(lecture) if after.width != before.width]
    assert widths == [320, 160, 640, 320, 640]
    counters = [read_counter(frame.top_line) for frame in lecture]
    assert len(counters) > 12 * 10
    assert counters == list(range(counters[0], counters[-1] + 1)), counters
    steps = [after.time_s - before.time_s for before, after in pairwise(lecture)]
    assert max(steps) < 0.5, "each layer's clock is known from its first picture on"


async def test_the_recorder_says_whose_pictures_it_needs_and_says_it_again(bench: Bench) -> None:
    senders = {name: Sender(name) for name in ("lecturer", "guest", "audience")}
    for index, sender in enumerate(senders.values()):
        sender.camera = Camera("H264", 160, 96, 5, 10 + index)
        bench.room.join(sender)
    await bench.record()
    await wait_for(lambda: bench.room.watched == ("lecturer:camera",), "the first camera")
    bench.room.speakers("guest")
    await wait_for(lambda: "guest:camera" in (bench.room.watched or ()), "who has begun to speak as well")
    await bench.server.call(RecordingStage(recording_id="rec-1", publication_id="audience:camera"))
    await wait_for(lambda: "audience:camera" in (bench.room.watched or ()), "who was put on the stage")
    bench.room.watched = None
    for writer in list(bench.room._writers):
        writer.transport.abort()
    await wait_for(lambda: bench.room.watched is not None, "the same after the connection was lost")
    assert "audience:camera" in (bench.room.watched or ())
