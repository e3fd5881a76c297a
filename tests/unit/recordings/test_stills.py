"""Stills: what a keyframe becomes, how often one is made, and what counts as the same picture."""

from __future__ import annotations

import io

import av
import numpy
import pytest

from recordings.avc import ParameterSets, parameter_sets, split_annex_b, to_sample
from recordings.codecs.h264_encoder import H264Encoder
from recordings.codecs.jpeg import MAX_WIDTH, WANTED_BYTES, Keyframe, make_jpeg
from recordings.stills import EVERY_S, Stills


def slide(lines: int, width: int = 1280, height: int = 720) -> numpy.ndarray:
    """Dark words on a light ground."""
    luma = numpy.full((height, width), 225, numpy.uint8)
    for line in range(lines):
        top = 60 + 60 * line
        for word in range(6):
            luma[top : top + 24, 100 + 170 * word : 220 + 170 * word] = 30
    return luma


def keyframe(luma: numpy.ndarray, crf: int = 26) -> Keyframe:
    height, width = luma.shape
    encoder = H264Encoder(width, height, crf=crf)
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (luma, None, None), strict=True):
        rows = numpy.full((plane.height, plane.line_size), 128, numpy.uint8)
        if value is not None:
            rows[:, :width] = value
        plane.update(rows.tobytes())
    units = split_annex_b(encoder.encode(frame, 0, True))
    return Keyframe(parameter_sets(units), to_sample(units))


def test_a_slide_becomes_a_small_picture_of_it() -> None:
    made = make_jpeg(keyframe(slide(4, 1920, 1080)))
    assert made is not None and len(made.data) <= WANTED_BYTES
    with av.open(io.BytesIO(made.data), "r") as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (MAX_WIDTH, 720)
    luma = picture.to_ndarray(format="gray")
    assert luma[700, 1200] > 200 and luma[45, 110] < 60


def test_an_upright_picture_keeps_its_shape() -> None:
    made = make_jpeg(keyframe(slide(2, 1080, 1920)))
    assert made is not None
    with av.open(io.BytesIO(made.data), "r") as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (720, 1280)


def test_noise_is_squeezed_as_far_as_it_goes() -> None:
    noise = numpy.random.default_rng(1).integers(0, 255, (720, 1280), numpy.uint8)
    made = make_jpeg(keyframe(noise))
    assert made is not None and len(made.data) < 1024 * 1024  # what a message of a worker may have


@pytest.mark.parametrize("sample", [b"", b"\x00\x00\x00\x05\x65junk", bytes(2000)])
def test_junk_is_no_picture(sample: bytes) -> None:
    good = keyframe(slide(1, 320, 180))
    made = make_jpeg(Keyframe(good.sets, sample))
    assert made is None or made.data.startswith(b"\xff\xd8")


def test_a_far_too_large_picture_is_not_decoded() -> None:
    wide = next(iter(keyframe(numpy.zeros((4096, 4096), numpy.uint8)).sets.sps))
    assert make_jpeg(Keyframe(ParameterSets((wide,), ()), b"")) is None


def test_an_unchanged_slide_is_the_same_and_a_new_line_is_not() -> None:
    first, again, next_ = (make_jpeg(keyframe(slide(lines), crf)) for lines, crf in ((4, 26), (4, 28), (5, 26)))
    assert first is not None and again is not None and next_ is not None
    assert first.data != again.data
    assert again.shows_the_same(first)
    assert not next_.shows_the_same(first)


def test_a_sharper_picture_of_the_same_is_news() -> None:
    blurred, sharp = make_jpeg(keyframe(slide(6), 51)), make_jpeg(keyframe(slide(6), 20))
    assert blurred is not None and sharp is not None
    assert not sharp.shows_the_same(blurred)


class Watch:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_at_most_one_is_made_in_two_seconds_however_many_ask() -> None:
    watch = Watch()
    stills = Stills(watch)
    shown = [keyframe(slide(lines, 320, 240)) for lines in (0, 1, 2)]
    tags = [(await stills.take(each, None)).etag for each in shown]
    assert stills.decoded == 1 and len(set(tags)) == 1
    watch.now_s += EVERY_S
    later = await stills.take(shown[2], tags[0])
    assert stills.decoded == 2 and later.etag != tags[0] and later.jpeg
    watch.now_s += EVERY_S
    assert await stills.take(shown[2], later.etag) == later.model_copy(update={"jpeg": None})
    assert stills.decoded == 2  # the same keyframe


async def test_an_unchanged_slide_keeps_its_tag() -> None:
    watch = Watch()
    stills = Stills(watch)
    first = await stills.take(keyframe(slide(4), 26), None)
    watch.now_s += EVERY_S
    again = await stills.take(keyframe(slide(4), 28), first.etag)
    assert stills.decoded == 2 and (again.etag, again.jpeg) == (first.etag, None)


async def test_nothing_of_before_a_pause_is_shown_in_it_or_after_it() -> None:
    watch = Watch()
    stills = Stills(watch)
    assert (await stills.take(keyframe(slide(1, 320, 240)), None)).jpeg
    assert (await stills.take(None, None)).etag is None
    assert (await stills.take(keyframe(slide(3, 320, 240)), None)).etag  # at once, whatever the clock says
    assert stills.decoded == 2
