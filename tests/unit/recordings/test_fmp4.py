"""Parameter sets, init and media segments: read back by FFmpeg, an independent reader."""

from __future__ import annotations

import io
from array import array

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.avc import ParameterSets, avcc, parameter_sets, picture_size, split_annex_b, to_sample
from recordings.codecs.aac import AacEncoder
from recordings.codecs.h264_encoder import H264Encoder, fit
from recordings.codecs.placeholder import SIZE, placeholder
from recordings.fmp4 import AUDIO_TRACK, VIDEO_TRACK, Sample, TrackRun, VideoConfig, write_init, write_segment
from recordings.mixer import BLOCK


@pytest.mark.parametrize("size", [(640, 360), (320, 180), (1280, 720), (1920, 1080), (362, 202), (16, 16)])
def test_the_size_is_read_from_the_sps(size: tuple[int, int]) -> None:
    encoder = H264Encoder(*size)
    units = split_annex_b(encoder.encode(av.VideoFrame(*size, "yuv420p"), 0, True))
    assert picture_size(parameter_sets(units).sps[0]) == size


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_the_avcc_is_what_ffmpeg_writes(profile: str) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {"profile": profile}
        container.mux(stream.encode(av.VideoFrame(320, 180, "yuv420p")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        theirs = bytes(container.streams.video[0].codec_context.extradata or b"")
    length = int.from_bytes(theirs[6:8], "big")
    sps = theirs[8 : 8 + length]
    pps_at = 8 + length + 3
    pps = theirs[pps_at : pps_at + int.from_bytes(theirs[pps_at - 2 : pps_at], "big")]
    assert avcc(ParameterSets((sps,), (pps,))) == theirs
    assert picture_size(sps) == (320, 180)


@given(st.binary(max_size=40))
def test_a_broken_sps_is_a_value_error(data: bytes) -> None:
    try:
        picture_size(b"\x67" + data)
    except ValueError:
        return


def test_samples_hold_slices_only() -> None:
    units = [b"\x09\xf0", b"\x67sps", b"\x68pps", b"\x06sei", b"\x65idr", b"\x0cfiller"]
    assert to_sample(units) == b"\x00\x00\x00\x04\x06sei\x00\x00\x00\x04\x65idr"


def test_start_codes_of_both_lengths_and_trailing_zeros() -> None:
    assert split_annex_b(b"\x00\x00\x00\x01\x67a\x00\x00\x01\x68b\x00\x00\x00\x00\x01\x65c\x00") == [
        b"\x67a",
        b"\x68b",
        b"\x65c",
    ]


def test_a_segment_keeps_its_times() -> None:
    encoder = AacEncoder(100 * BLOCK)
    sound = [frame for _ in range(50) for frame in encoder.encode(array("h", bytes(2 * BLOCK)))]
    assert sound[0].position == 100 * BLOCK
    sets = placeholder().sets
    init = write_init(VideoConfig(avcc(sets), picture_size(sets.sps[0])), encoder.config)
    start = 100 * BLOCK * 90_000 // 48_000
    pictures = [Sample(placeholder().samples[index % 2], 30_000) for index in range(3)]
    runs = [
        TrackRun(VIDEO_TRACK, start, pictures),
        TrackRun(AUDIO_TRACK, 100 * BLOCK, [Sample(frame.data, BLOCK) for frame in sound]),
    ]
    data = write_segment(1, runs)
    assert data == write_segment(1, runs)
    with av.open(io.BytesIO(init + data), "r") as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == SIZE
        packets = [(packet.stream.type, packet.pts) for packet in container.demux() if packet.pts is not None]
    video = [pts for kind, pts in packets if kind == "video"]
    audio = [pts for kind, pts in packets if kind == "audio"]
    assert video == [start, start + 30_000, start + 60_000]
    assert audio == [frame.position for frame in sound]


def test_pictures_are_fitted_into_720_lines() -> None:
    assert fit(640, 480) == (640, 480)
    assert fit(1920, 1080) == (1280, 720)
    assert fit(1080, 1920) == (720, 1280)
    assert fit(641, 361) == (640, 360)
