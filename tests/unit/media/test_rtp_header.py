"""RTP headers and extensions: bytes in, bytes out, and no answer but ValueError for nonsense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import header
from tests.unit.media.conftest import rtp


def extended(profile: int, body: bytes, csrcs: int = 0, payload: bytes = b"payload") -> bytes:
    body += bytes(-len(body) % 4)
    plain = rtp(5, 6, 7)
    head = bytes((0x90 | csrcs,)) + plain[1:12] + bytes(4 * csrcs)
    return head + profile.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + body + payload


def read(packet: bytes) -> dict[int, bytes]:
    header.payload_offset(packet)
    return {id_: packet[start : start + length] for id_, start, length in header.extensions(packet)}


def test_plain_packet() -> None:
    assert header.payload_offset(rtp(1)) == 12
    assert read(rtp(1)) == {}
    assert header.strip(rtp(1), 12) == rtp(1)


def test_one_byte_extensions_with_padding_between() -> None:
    packet = extended(0xBEDE, b"\x10\x7f\x00\x00\x31ab\x00")
    assert read(packet) == {1: b"\x7f", 3: b"ab"}
    assert header.strip(packet, header.payload_offset(packet)) == rtp(5, 6, 7)


def test_two_byte_extensions_and_csrcs() -> None:
    packet = extended(0x1000, b"\x01\x01\x7f\x00\x20\x03abc\x05\x00", csrcs=2)
    assert read(packet) == {1: b"\x7f", 0x20: b"abc", 5: b""}
    assert header.payload_offset(packet) == 12 + 8 + 4 + 12
    assert header.strip(packet, header.payload_offset(packet)) == rtp(5, 6, 7)


def test_id_15_stops_and_cut_extensions_are_left_out() -> None:
    assert read(extended(0xBEDE, b"\xf0\x00\x10\x01")) == {}
    assert read(extended(0xBEDE, b"\x10\x01\x2f\x00")) == {1: b"\x01"}
    assert read(extended(0x1000, b"\x01\x01\x7f\x02\x09\x00\x00\x00")) == {1: b"\x7f"}
    assert read(extended(0x1000, b"\x00\x00\x00\x07")) == {}
    assert read(extended(0x4242, b"\x10\x01\x00\x00")) == {}


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x80" * 11,
        bytes((0x40,)) + rtp(1)[1:],
        bytes((0x8F,)) + rtp(1)[1:],
        bytes((0x90,)) + rtp(1, payload=b"")[1:],
    ],
)
def test_nonsense_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match=r"RTP|cut off|longer"):
        header.payload_offset(packet)


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    try:
        offset = header.payload_offset(data)
    except ValueError:
        return
    for _, start, length in header.extensions(data):
        assert 12 < start <= start + length <= offset
    assert header.payload_offset(header.strip(data, offset)) == 12


def test_rtx_round_trip() -> None:
    original = rtp(40000, 99, 7, b"a picture")
    wrapped = header.wrap_rtx(original, 97, 8, 3)
    assert (wrapped[1] & 0x7F, int.from_bytes(wrapped[2:4], "big"), int.from_bytes(wrapped[8:12], "big")) == (97, 3, 8)
    assert header.unwrap_rtx(wrapped, 12, 96, 7) == original


def test_rtx_keeps_the_marker_and_drops_padding() -> None:
    original = bytes((0x80, 0xE0)) + rtp(1)[2:]
    wrapped = header.wrap_rtx(original, 97, 8, 3)
    padded = bytes((wrapped[0] | 0x20,)) + wrapped[1:] + b"\0\0\x03"
    assert header.unwrap_rtx(padded, 12, 96, 7) == original


def test_rtx_without_payload_is_refused() -> None:
    with pytest.raises(ValueError, match="without a payload"):
        header.unwrap_rtx(rtp(1, payload=b"\0\1"), 12, 96, 7)
