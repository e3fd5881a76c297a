"""Sequence arithmetic, packet cache, loss list, reception statistics, keyframe detection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import h264, sequence, vp8
from media.rtp.nack import MAX_TRIES, MAX_WAIT_S, STOPPED_S, NackList
from media.rtp.packet_cache import PacketCache
from media.rtp.reception import Reception
from tests.unit.media.conftest import rtp

U16 = st.integers(0, 0xFFFF)


@given(U16, st.integers(1, 0x7FFF))
def test_order_survives_the_wrap(start: int, step: int) -> None:
    later = (start + step) & 0xFFFF
    assert sequence.newer(later, start)
    assert not sequence.newer(start, later)
    assert sequence.distance(later, start) == step
    assert sequence.distance(start, later) == -step


def test_timestamps_wrap() -> None:
    assert sequence.timestamp_distance(5, 0xFFFFFFFF) == 6
    assert sequence.timestamp_distance(0xFFFFFFFF, 5) == -6


def test_what_was_skipped_is_not_taken_for_a_packet_of_a_turn_before() -> None:
    cache = PacketCache()
    cache.put(5, rtp(5))
    for number in range(3000, 0x10000 + 3000, 3000):  # none of them in the same place
        cache.put(number & 0xFFFF, rtp(number))
    assert cache.get(5) is None


def test_cache_holds_the_newest_of_each_place() -> None:
    cache = PacketCache()
    cache.put(3, rtp(3))
    assert cache.get(3) == rtp(3)
    assert cache.get(3 + 1024) is None
    cache.put(3 + 1024, rtp(3 + 1024))
    assert cache.get(3) is None


def test_a_hole_is_asked_for_once_the_packet_was_not_only_late() -> None:
    nacks = NackList(repeats=True)
    nacks.receive(65534, 0.0)
    nacks.receive(1, 0.0)
    assert nacks.due(0.001) == []
    assert nacks.due(0.01) == [65535, 0]
    assert nacks.due(0.03) == []
    assert nacks.receive(0, 0.035), "a hole closed"
    assert nacks.due(0.05) == [65535], "the first request may be lost too"
    assert nacks.due(0.09) == []
    assert nacks.due(0.2) == [65535]


@pytest.mark.parametrize("repeats", [False, True])
def test_asking_ends_with_a_keyframe(repeats: bool) -> None:
    nacks = NackList(repeats=repeats)
    nacks.receive(1, 0.0)
    nacks.receive(3, 0.0)
    asked = sum(bool(nacks.due(step * 0.01)) for step in range(1, 300))
    assert asked == MAX_TRIES * (1 + repeats)
    assert nacks.needs_keyframe
    assert not nacks


def test_requests_follow_the_time_that_repairs_take() -> None:
    nacks = NackList(repeats=True)
    nacks.receive(0, 0.0)
    for number in range(2, 40, 2):  # every second packet is lost and comes a second after it was asked for
        nacks.receive(number, float(number))
        nacks.due(number + 0.01)
        nacks.receive(number - 1, number + 1.01)
    nacks.receive(41, 50.0)
    asked = [step for step in range(1, 40) if nacks.due(50 + step / 10)]
    assert asked == [1, 2, 11, 12, 21, 22], "a repetition, else not while the repair is on its way, nor for ever"
    assert nacks.needs_keyframe


def test_resends_do_not_fill_the_link_that_lost_the_packets() -> None:
    nacks = NackList(repeats=True)
    for number in range(100):
        nacks.receive(number, number / 100)
    nacks.due(1.0)
    nacks.receive(200, 1.0)
    asked = nacks.due(1.1)
    assert len(asked) == 16
    assert nacks.due(1.15) == asked, "repeated: the sender sends them once"
    assert nacks.due(1.16) == []
    for number in range(201, 221):
        nacks.receive(number, 1.2)
    assert len(nacks.due(1.2)) == 5, "a quarter of what came since"


def test_what_comes_too_late_anyway_is_not_asked_for() -> None:
    nacks = NackList(useful_s=0.5)
    nacks.receive(0, 0.0)
    for number in range(2, 20, 2):
        nacks.receive(number, float(number))
        nacks.due(number + 0.01)
        nacks.receive(number - 1, number + 1.01)
    nacks.receive(21, 30.0)
    assert nacks.due(30.1) == []
    tried = [step for step in range(600) if nacks.receive(23 + 2 * step, 31 + step / 50) or nacks.due(31 + step / 50)]
    assert tried, "some time later it is tried again"


def keyframes_asked(nacks: NackList, first: int = 0, began_s: float = 0.0) -> list[float]:
    """How long after the packet behind ``first`` is lost for good, if all that follow come."""
    found = []
    nacks.receive(first, began_s)
    for step in range(2, 400):
        nacks.receive(first + step, began_s + step / 50)
        nacks.due(began_s + step / 50)
        if nacks.needs_keyframe:
            nacks.needs_keyframe = False
            found.append(step / 50)
    return found


def test_a_packet_that_does_not_come_for_long_has_stopped_the_picture() -> None:
    """A keyframe is asked for once beside it, and once more when the packet is given up."""
    asked = keyframes_asked(NackList(repeats=True))
    assert len(asked) == 2
    assert asked[0] == pytest.approx(STOPPED_S, abs=0.1)


def test_where_repairs_are_slow_a_keyframe_would_be_slower() -> None:
    nacks = NackList()
    nacks.receive(0, 0.0)
    for number in range(2, 20, 2):
        nacks.receive(number, float(number))
        nacks.due(number + 0.01)
        nacks.receive(number - 1, number + 1.0)
    assert keyframes_asked(nacks, 19, 20.0) == pytest.approx([MAX_WAIT_S], abs=0.1)


def test_a_keyframe_makes_what_lies_before_it_superfluous() -> None:
    nacks = NackList()
    nacks.receive(65530, 0.0)
    nacks.receive(65535, 0.0)
    nacks.receive(5, 0.0)
    nacks.forget_before(2)
    assert nacks.due(1.0) == [2, 3, 4]


def test_a_gap_too_wide_is_answered_by_a_keyframe_alone() -> None:
    nacks = NackList()
    nacks.receive(1, 0.0)
    nacks.receive(1000, 0.0)
    assert nacks.needs_keyframe
    assert nacks.due(1.0) == []


def test_what_was_never_missing_closes_no_hole() -> None:
    nacks = NackList()
    nacks.receive(5, 0.0)
    assert not nacks.receive(5, 0.0)
    assert not nacks.receive(4, 0.0)


def test_receiver_report_counts_loss_and_wraps() -> None:
    reception = Reception(90000)
    assert reception.report(7, 0.0) is None
    for number in (65533, 65534, 0, 1):
        reception.receive(number, number * 3000, number * 0.033)
    reception.note_sender_report(0x0123456789ABCDEF, 10.0)
    block = reception.report(7, 10.5)
    assert block is not None
    assert block.highest_sequence == 0x10001
    assert block.cumulative_lost == 1
    assert block.fraction_lost == 256 // 5
    assert block.last_sr == 0x456789AB
    assert block.delay_since_last_sr == 32768
    reception.receive(2, 0, 11.0)
    again = reception.report(7, 11.0)
    assert again is not None
    assert again.fraction_lost == 0


def test_jitter_follows_uneven_arrivals() -> None:
    even, uneven = Reception(48000), Reception(48000)
    for number in range(200):
        even.receive(number, number * 960, number * 0.02)
        uneven.receive(number, number * 960, number * 0.02 + (number % 2) * 0.01)
    steady, shaky = even.report(1, 4.0), uneven.report(1, 4.0)
    assert steady is not None
    assert shaky is not None
    assert steady.jitter <= 1
    assert 400 < shaky.jitter <= 480


@pytest.mark.parametrize(
    ("payload", "parameters", "idr"),
    [
        (b"\x67\x42", True, False),
        (b"\x65\x88", False, True),
        (b"\x41\x9a", False, False),
        (b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", True, False),
        (b"\x78\x00\x02\x67\x42\x00\x02\x65\x88", True, True),
        (b"\x78\x00\x02\x41\x9a", False, False),
        (b"\x7c\x85\x88", False, True),
        (b"\x7c\x05\x88", False, False),
        (b"\x7c\x81\x88", False, False),
        (b"\x7c", False, False),
        (b"", False, False),
    ],
)
def test_h264_keyframes(payload: bytes, parameters: bool, idr: bool) -> None:
    assert h264.carries_parameters(payload) == parameters
    assert h264.starts_idr(payload) == idr


@given(st.binary(max_size=40))
def test_payload_parsers_take_any_bytes(data: bytes) -> None:
    h264.carries_parameters(data)
    h264.starts_idr(data)
    h264.height(data)
    vp8.parse(data, 0)
    vp8.height(data, 0)
    assert len(vp8.shift(data, 0, 5, 6)) == len(data)


@pytest.mark.parametrize(
    ("payload", "picture", "tl0", "keyframe"),
    [
        (b"\x10\x00", -1, -1, True),
        (b"\x10\x01", -1, -1, False),
        (b"\x00\x00", -1, -1, False),
        (b"\x11\x00", -1, -1, False),
        (b"\x90\x80\x05\x00", 5, -1, True),
        (b"\x90\xc0\x81\x02\x07\x00", 0x102, 7, True),
        (b"\x90\xe0\xff\xff\xff\x20\x01", 0x7FFF, 255, False),
        (b"\x90\xe0\xff", -1, -1, False),
    ],
)
def test_vp8_descriptors(payload: bytes, picture: int, tl0: int, keyframe: bool) -> None:
    found = vp8.parse(payload, 0)
    assert (found.picture_id, found.tl0_picture_index, found.keyframe_start) == (picture, tl0, keyframe)


def test_vp8_ids_are_moved_and_wrap() -> None:
    moved = vp8.parse(vp8.shift(b"\x90\xe0\xff\xff\xff\x20\x01", 0, 1, 1), 0)
    assert (moved.picture_id, moved.tl0_picture_index) == (0, 0)
    short = vp8.parse(vp8.shift(b"\x90\x80\x7f\x00", 0, 2, 9), 0)
    assert (short.picture_id, short.long_picture_id) == (1, False)
    assert vp8.shift(b"\x10\x00", 0, 5, 5) == b"\x10\x00"


@pytest.mark.parametrize(
    ("parameters", "height"),
    [
        ("6742c00dda05067e7840000003004000000f23c50aa8", 180),
        ("6742c01eda0280bfe584000003000400000300f23c58ba80", 360),
        ("6742c01fda014016e840000003004000000f23c60ca8", 720),
        ("6742c028da01e0089f9610000003001000000303c8f1832a", 1080),
        ("6742c01eda0290bf889210000003001000000303c8f162ea", 362),
        ("6764c01fda014016e8", 0),
        ("6742c01f", 0),
        ("41", 0),
    ],
)
def test_height_of_h264_pictures(parameters: str, height: int) -> None:
    """Parameter sets of libx264."""
    unit = bytes.fromhex(parameters)
    assert h264.height(unit) == height
    aggregate = b"\x78\x00\x02\x09\x10" + len(unit).to_bytes(2, "big") + unit + b"\x00\x02\x68\x00"
    assert h264.height(aggregate) == height


def test_height_of_vp8_pictures() -> None:
    """A keyframe of libvpx, 322 x 178."""
    frame = bytes.fromhex("7010009d012a4201b2000047")
    assert vp8.height(b"\x10" + frame, 0) == 178
    assert vp8.height(b"\x90\x80\x85" + frame, 0) == 178
    assert vp8.height(b"\x10" + frame[:8], 0) == 0
    assert vp8.height(b"\x00" + frame, 0) == 0
