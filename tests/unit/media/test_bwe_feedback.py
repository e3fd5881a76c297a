"""Transport-wide feedback: read back from what we write ourselves, by hand, and when it lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.bwe import feedback
from media.bwe.transport_cc import TransportCcFeedback

START = 4


def message(base: int, count: int, chunks: bytes, deltas: bytes, reference: int = 1) -> bytes:
    head = bytes(4) + (7).to_bytes(4, "big") + (9).to_bytes(4, "big")
    return (
        head
        + base.to_bytes(2, "big")
        + count.to_bytes(2, "big")
        + (reference << 8 | 5).to_bytes(4, "big")
        + chunks
        + deltas
    )


def read(data: bytes) -> feedback.Feedback:
    return feedback.read(data, START, len(data))


@given(
    st.integers(0, 0xFFFF),
    st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from([0, 250, 1000, 63_750, 64_000, 500_000, -750])), max_size=120
    ),
)
def test_what_we_write_is_read_back(base: int, steps: list[tuple[int, int]]) -> None:
    writer = TransportCcFeedback(1)
    number, arrival_us, expected = base, 64_000 * 1000, []
    for ahead, later in [(0, 0), *steps]:
        number += ahead
        arrival_us += later
        writer.receive(number & 0xFFFF, arrival_us)
        expected.append((number & 0xFFFF, arrival_us))
    found = []
    for data in writer.build(9):
        one = read(data)
        assert one.media_ssrc == 9
        found += list(zip(one.numbers, one.arrivals_us, strict=True))
    assert found == expected


def test_a_run_of_small_deltas() -> None:
    assert read(message(10, 3, b"\x20\x03", b"\x01\x02\x00")) == (9, 5, [10, 11, 12], [64_250, 64_750, 64_750])


def test_both_vectors_and_a_large_delta_back_in_time() -> None:
    one_bit = 0x8000 | 0b10_0000_0000_0001  # the first and the fourteenth arrived
    two_bits = 0xC000 | 2 << 12 | 1 << 10
    data = message(0xFFFF, 16, one_bit.to_bytes(2, "big") + two_bits.to_bytes(2, "big"), b"\x04\x04\xff\xfc\x01")
    assert read(data) == (9, 5, [0xFFFF, 12, 13, 14], [65_000, 66_000, 65_000, 65_250])


def test_symbols_behind_the_last_packet_are_padding() -> None:
    assert read(message(0, 2, b"\xbf\xff", b"\x01\x01")).numbers == [0, 1]
    assert read(message(0, 2, b"\x3f\xff", b"\x01\x01")).numbers == [0, 1]


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("shorter than its head", bytes(4) + bytes(16)),
        ("no chunks for what it claims", message(0, 30, b"\x00\x07", b"")),
        ("a run of nothing", message(0, 5, b"\x20\x00", b"")),
        ("a reserved symbol in a run", message(0, 1, b"\x60\x01", b"\0")),
        ("a reserved symbol in a vector", message(0, 1, b"\xf0\x00", b"\0")),
        ("no delta for a packet that came", message(0, 3, b"\x20\x03", b"\x01\x02")),
        ("half a large delta", message(0, 1, b"\x40\x01", b"\x01")),
        ("far more packets than bytes", message(0, 0xFFFF, b"\x3f\xff" * 9, b"")),
    ],
)
def test_malformed(why: str, data: bytes) -> None:
    with pytest.raises(ValueError, match="feedback"):
        read(data)


def test_nothing_arrived_costs_nothing() -> None:
    data = message(0, 0xFFFF, b"\x1f\xff" * 9, b"")
    assert read(data).numbers == []


@given(st.binary(max_size=300))
def test_junk_is_a_value_error_or_small(data: bytes) -> None:
    try:
        found = read(data)
    except ValueError:
        return
    assert len(found.numbers) == len(found.arrivals_us) <= len(data)


def test_a_length_beyond_the_datagram() -> None:
    data = message(10, 3, b"\x20\x03", b"\x01\x02\x00")
    with pytest.raises(ValueError, match="cut off"):
        feedback.read(data, START, len(data) + 4)


def test_the_receivers_clock_wraps() -> None:
    span = 64_000 << 24
    assert feedback.unwrap_us(500, span - 500) == span + 500
    assert feedback.unwrap_us(span - 500, span + 500) == span - 500
    assert feedback.unwrap_us(1000, 900) == 1000
