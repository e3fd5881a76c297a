"""H.264 and VP8 payloads → pictures; nothing broken ever comes out."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.depacketise.h264 import START_CODE, H264Depacketiser, split_stap_a
from recordings.depacketise.picture import CodedPicture
from recordings.depacketise.vp8 import Vp8Depacketiser, is_keyframe, read_descriptor
from recordings.reorder import ReorderBuffer
from tests.unit.recordings.streams import ordered, packet

SPS, PPS, IDR = b"\x67sps", b"\x68pps", b"\x65" + b"i" * 20
STAP = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in (SPS, PPS))


def fragments(unit: bytes, size: int) -> list[bytes]:
    pieces = [unit[start : start + size] for start in range(1, len(unit), size)]
    last = len(pieces) - 1
    flags = [(0x80 if index == 0 else 0) | (0x40 if index == last else 0) for index in range(len(pieces))]
    return [bytes((0x7C, flag | unit[0] & 0x1F)) + piece for flag, piece in zip(flags, pieces, strict=True)]


def annex_b(*units: bytes) -> bytes:
    return b"".join(START_CODE + unit for unit in units)


def test_stap_a_fragments_and_single_units_make_a_picture() -> None:
    depacketiser = H264Depacketiser()
    items = [ordered(1, 90, STAP), *(ordered(2 + n, 90, piece) for n, piece in enumerate(fragments(IDR, 8)))]
    items[-1] = items[-1]._replace(packet=items[-1].packet._replace(marker=True))
    pictures = [picture for item in items for picture in depacketiser.feed(item)]
    assert pictures == [CodedPicture(90, 0, True, annex_b(SPS, PPS, IDR))]
    assert not depacketiser.wants_keyframe
    assert depacketiser.feed(ordered(9, 180, b"\x41delta", marker=True))[0].data == annex_b(b"\x41delta")


def test_a_new_time_ends_a_picture_whose_marker_is_missing() -> None:
    depacketiser = H264Depacketiser()
    assert depacketiser.feed(ordered(1, 90, STAP)) == []
    assert depacketiser.feed(ordered(2, 90, IDR)) == []
    assert depacketiser.feed(ordered(3, 180, b"\x41x", marker=True))[0].keyframe


def test_after_a_loss_nothing_comes_until_the_next_keyframe() -> None:
    depacketiser = H264Depacketiser()
    depacketiser.feed(ordered(1, 90, STAP))
    depacketiser.feed(ordered(2, 90, IDR, marker=True))
    assert depacketiser.feed(ordered(4, 180, b"\x41b", marker=True, lost_before=1)) == []
    assert depacketiser.wants_keyframe
    assert depacketiser.feed(ordered(5, 270, b"\x41c", marker=True)) == []
    depacketiser.feed(ordered(6, 360, STAP))
    assert depacketiser.feed(ordered(7, 360, IDR, marker=True))[0].keyframe


def test_a_keyframe_right_behind_the_loss_counts() -> None:
    depacketiser = H264Depacketiser()
    depacketiser.feed(ordered(1, 90, b"\x41a"))
    depacketiser.feed(ordered(5, 180, STAP, lost_before=3))
    assert depacketiser.feed(ordered(6, 180, IDR, marker=True))[0].data == annex_b(SPS, PPS, IDR)


def test_a_keyframe_with_a_hole_does_not_count() -> None:
    depacketiser = H264Depacketiser()
    depacketiser.feed(ordered(1, 90, STAP))
    pieces = fragments(IDR, 6)
    depacketiser.feed(ordered(2, 90, pieces[0]))
    assert depacketiser.feed(ordered(5, 90, pieces[-1], marker=True, lost_before=2)) == []
    assert depacketiser.wants_keyframe


def test_padding_and_parameter_sets_alone_do_no_harm() -> None:
    depacketiser = H264Depacketiser()
    assert depacketiser.feed(ordered(1, 10, b"")) == []
    sets = depacketiser.feed(ordered(2, 90, STAP, marker=True))
    assert sets[0].data == annex_b(SPS, PPS) and not sets[0].keyframe and depacketiser.wants_keyframe


@pytest.mark.parametrize("payload", [b"\x78\x00", b"\x78\x00\x09x", b"\x7c", b"\x7c\x05x", b"\x79aaa", b"\x00"])
def test_malformed_payloads_are_counted_and_break_nothing(payload: bytes) -> None:
    depacketiser = H264Depacketiser()
    assert depacketiser.feed(ordered(1, 90, payload, marker=True)) == []
    assert depacketiser.malformed == 1
    depacketiser.feed(ordered(2, 180, STAP))
    assert depacketiser.feed(ordered(3, 180, IDR, marker=True))


def test_stap_a_units() -> None:
    assert list(split_stap_a(STAP)) == [SPS, PPS]


@given(st.lists(st.tuples(st.binary(max_size=12), st.booleans(), st.integers(0, 2)), max_size=30))
def test_any_payloads_are_survived(items: list[tuple[bytes, bool, int]]) -> None:
    for depacketiser in (H264Depacketiser(), Vp8Depacketiser()):
        for sequence, (payload, marker, lost) in enumerate(items):
            for picture in depacketiser.feed(ordered(sequence, sequence // 2, payload, marker, lost)):
                assert picture.data


@given(st.integers(0, 10_000))
def test_whatever_is_lost_only_decodable_pictures_come_out(seed: int) -> None:
    """Pictures carry their number; after a keyframe they must follow without a hole."""
    chance = random.Random(seed)
    depacketiser, buffer = H264Depacketiser(), ReorderBuffer()
    sequence = chance.getrandbits(16)
    expected: int | None = None
    for number in range(60):
        keyframe = number % 9 == 0
        unit = bytes((0x65 if keyframe else 0x41, number)) + bytes([number]) * chance.randrange(1, 30)
        payloads = ([STAP] if keyframe else []) + (fragments(unit, 7) if len(unit) > 9 else [unit])
        for index, payload in enumerate(payloads):
            sequence += 1
            if chance.random() > 0.05:
                buffer.push(packet(sequence, number, payload, index == len(payloads) - 1), number * 40_000)
        for item in buffer.pop(number * 40_000):
            for picture in depacketiser.feed(item):
                body = picture.data.rsplit(START_CODE, 1)[1]
                assert set(body[1:]) == {picture.timestamp}
                assert picture.keyframe or picture.timestamp == expected
                expected = picture.timestamp + 1


def test_vp8_frames() -> None:
    key = b"\x10\x02\x00\x9d\x01\x2a" + bytes(10)
    depacketiser = Vp8Depacketiser()
    assert depacketiser.feed(ordered(1, 90, b"\x10" + key[:8])) == []
    (picture,) = depacketiser.feed(ordered(2, 90, b"\x00" + key[8:], marker=True))
    assert picture.keyframe and picture.data == key
    (delta,) = depacketiser.feed(ordered(3, 180, b"\x90\xc0\x81\x05\x07" + b"\x31delta", marker=True))
    assert not delta.keyframe and delta.data == b"\x31delta"
    assert depacketiser.feed(ordered(5, 270, b"\x10\x31x", marker=True, lost_before=1)) == []
    assert depacketiser.wants_keyframe


def test_vp8_descriptors() -> None:
    assert read_descriptor(b"\x10x") == (1, True)
    assert read_descriptor(b"\x11x") == (1, False)
    assert read_descriptor(b"\x90\x80\x05x") == (3, True)
    assert read_descriptor(b"\x90\xf0\x85\x01\x02\x03x") == (6, True)
    with pytest.raises(ValueError):
        read_descriptor(b"\x10")
    assert not is_keyframe(b"\x11" * 20) and not is_keyframe(b"")
