"""RTP parsing and the reorder buffer."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.reorder import MAX_WAIT_US, ReorderBuffer
from recordings.rtp import parse_rtp, sequence_delta, timestamp_delta
from tests.unit.recordings.streams import packet, rtp_bytes


def test_a_plain_packet() -> None:
    parsed = parse_rtp(rtp_bytes(65535, 1 << 31, b"abc", marker=True, payload_type=111))
    assert parsed == (111, 65535, 1 << 31, 7, True, b"abc")


def test_csrc_extension_and_padding_are_taken_off() -> None:
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 1, 96, 1, 2, 3) + b"CSRC" + b"\xbe\xde\x00\x01ext4"
    assert parse_rtp(head + b"payload" + b"\x00\x00\x03").payload == b"payload"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + bytes(11),
        b"\x90" + bytes(11),
        b"\x90" + bytes(11) + b"\xbe\xde\xff\xff",
        b"\xa0" + bytes(11) + b"\xff",
        b"\x8f" + bytes(11),
    ],
)
def test_what_is_not_rtp_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_rtp(data)


@given(st.binary(max_size=64))
def test_any_bytes_parse_or_are_a_value_error(data: bytes) -> None:
    try:
        parsed = parse_rtp(data)
    except ValueError:
        return
    assert len(parsed.payload) <= len(data) - 12


def test_differences_wrap_around() -> None:
    assert sequence_delta(2, 65534) == 4
    assert sequence_delta(65534, 2) == -4
    assert timestamp_delta(5, 0xFFFFFFFB) == 10


@given(st.integers(0, 65535), st.integers(0, 1000))
def test_shuffled_packets_come_out_in_order(first: int, seed: int) -> None:
    buffer = ReorderBuffer()
    sequences = [(first + index) & 0xFFFF for index in range(40)]
    shuffled = sequences[1:]
    random.Random(seed).shuffle(shuffled)
    buffer.push(packet(first), 0)
    for each in shuffled:
        buffer.push(packet(each), 0)
        buffer.push(packet(each), 0)
    found = buffer.pop(0)
    assert [item.packet.sequence for item in found] == sequences
    assert all(item.lost_before == 0 for item in found)


def test_a_hole_is_waited_for_and_then_given_up() -> None:
    buffer = ReorderBuffer()
    for sequence, arrival_us in ((10, 0), (13, 1000), (14, 2000)):
        buffer.push(packet(sequence), arrival_us)
    assert [item.packet.sequence for item in buffer.pop(2000)] == [10]
    assert buffer.pop(MAX_WAIT_US + 999) == []
    found = buffer.pop(MAX_WAIT_US + 1000)
    assert [(item.packet.sequence, item.lost_before) for item in found] == [(13, 2), (14, 0)]
    buffer.push(packet(11), MAX_WAIT_US + 2000)
    assert buffer.pop(1 << 60) == [] and buffer.late == 1


def test_a_resent_packet_fills_its_hole() -> None:
    buffer = ReorderBuffer()
    for sequence in (65535, 1, 0):
        buffer.push(packet(sequence), 0)
    assert [item.packet.sequence for item in buffer.pop(0)] == [65535, 0, 1]


def test_a_restarted_numbering_is_followed() -> None:
    buffer = ReorderBuffer()
    buffer.push(packet(100), 0)
    assert len(buffer.pop(0)) == 1
    buffer.push(packet(30000), 0)
    assert [item.packet.sequence for item in buffer.pop(0)] == [30000]
