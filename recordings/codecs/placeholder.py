"""The picture of a lesson that has none: five bars of a sound wave on a dark ground, as two H.264 keyframes.

Two, because successive IDR pictures must differ in idr_pic_id (ISO 14496-10 §7.4.3); they are shown in turn.
"""

from __future__ import annotations

from functools import cache
from itertools import cycle
from typing import NamedTuple

import av

from recordings.avc import SEI, ParameterSets, Picture, parameter_sets, split_annex_b, to_sample
from recordings.codecs.h264_encoder import H264Encoder

SIZE = Picture(640, 360)
_GROUND_LUMA, _BAR_LUMA, _NEUTRAL = 24, 120, 128
_BAR_WIDTH, _BAR_PITCH = 16, 32
_BAR_HEIGHTS = (48, 96, 144, 96, 48)


class Placeholder(NamedTuple):
    sets: ParameterSets
    samples: tuple[bytes, ...]


@cache
def placeholder() -> Placeholder:
    encoder = H264Encoder(*SIZE, preset="veryfast", crf=30)
    encoded = [split_annex_b(encoder.encode(_draw(), ticks, True)) for ticks in (0, 90_000)]
    sets = parameter_sets(unit for units in encoded for unit in units)
    # The encoder's SEI is a page of its options: larger than the picture.
    samples = (to_sample(unit for unit in units if unit[0] & 0x1F != SEI) for units in encoded)
    return Placeholder(sets, tuple(samples))


def placeholder_samples() -> cycle[bytes]:
    return cycle(placeholder().samples)


def _draw() -> av.VideoFrame:
    frame = av.VideoFrame(*SIZE, "yuv420p")
    luma = frame.planes[0]
    rows = bytearray([_GROUND_LUMA]) * luma.buffer_size
    left = (SIZE.width - _BAR_PITCH * len(_BAR_HEIGHTS)) // 2
    for index, height in enumerate(_BAR_HEIGHTS):
        for line in range((SIZE.height - height) // 2, (SIZE.height + height) // 2):
            start = line * luma.line_size + left + index * _BAR_PITCH
            rows[start : start + _BAR_WIDTH] = bytes([_BAR_LUMA]) * _BAR_WIDTH
    luma.update(bytes(rows))
    for plane in frame.planes[1:]:
        plane.update(bytes([_NEUTRAL]) * plane.buffer_size)
    return frame
