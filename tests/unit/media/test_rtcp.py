"""RTCP round trips, against aiortc's parser as the second opinion, and malformed compounds."""

from __future__ import annotations

import random

import pytest
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSrPacket
from hypothesis import given
from hypothesis import strategies as st

from media.bwe.transport_cc import TransportCcFeedback
from media.rtp import rtcp

BLOCK = rtcp.ReportBlock(7, 12, -3, 70000, 55, 0x456789AB, 65536)


def only(data: bytes) -> rtcp.Part:
    (part,) = rtcp.parts(data)
    return part


def test_sender_report() -> None:
    data = rtcp.write_sender_report(7, 1 << 63, (1 << 32) + 5, 9, 1 << 33)
    (theirs,) = RtcpPacket.parse(data)
    assert isinstance(theirs, RtcpSrPacket)
    assert rtcp.read_sender_report(data, only(data)) == (7, 1 << 63, 5, 9, 0)
    assert theirs.sender_info.rtp_timestamp == 5


def test_receiver_report() -> None:
    data = rtcp.write_receiver_report(1, [BLOCK, BLOCK])
    (theirs,) = RtcpPacket.parse(data)
    assert isinstance(theirs, RtcpRrPacket)
    assert theirs.reports[0].packets_lost == -3
    assert list(rtcp.read_report_blocks(data, only(data))) == [BLOCK, BLOCK]


@given(st.sets(st.integers(0, 0xFFFF), min_size=1, max_size=40))
def test_nack(sequences: set[int]) -> None:
    data = rtcp.write_nack(1, 7, sorted(sequences))
    (theirs,) = RtcpPacket.parse(data)
    assert isinstance(theirs, RtcpRtpfbPacket)
    assert set(theirs.lost) == sequences
    assert set(rtcp.read_nack(data, only(data))) == sequences
    assert rtcp.read_media_ssrc(data, only(data)) == 7


def test_nack_is_bounded() -> None:
    data = rtcp.write_nack(1, 7, range(0, 2000, 17))
    assert len(rtcp.read_nack(data, only(data), 64)) == 64


def test_pli_and_fir() -> None:
    data = rtcp.write_pli(1, 7)
    (theirs,) = RtcpPacket.parse(data)
    assert isinstance(theirs, RtcpPsfbPacket)
    assert (theirs.fmt, theirs.media_ssrc) == (rtcp.FMT_PLI, 7)
    fir = bytes((0x84, 206, 0, 4)) + bytes(8) + (9).to_bytes(4, "big") + bytes(4)
    assert rtcp.read_fir_ssrcs(fir, only(fir)) == [9]


def test_compound_and_reduced_size() -> None:
    data = rtcp.write_receiver_report(1, [BLOCK]) + rtcp.write_pli(1, 7)
    assert [part.type for part in rtcp.parts(data)] == [rtcp.RR, rtcp.PSFB]


@pytest.mark.parametrize("data", [b"\x80", b"\x00\xc8\0\0", b"\x81\xc9\0\xff" + bytes(8), b"\x80\xca\0\0" * 65])
def test_malformed_compounds(data: bytes) -> None:
    with pytest.raises(ValueError, match="RTCP"):
        list(rtcp.parts(data))


@given(st.binary(max_size=120))
def test_any_bytes(data: bytes) -> None:
    try:
        for part in rtcp.parts(data):
            assert part.end <= len(data)
            rtcp.read_nack(data, part)
            rtcp.read_fir_ssrcs(data, part)
            for read in (rtcp.read_sender_report, rtcp.read_media_ssrc):
                read(data, part)
            list(rtcp.read_report_blocks(data, part))
    except ValueError:
        return


def decode_transport_cc(data: bytes) -> tuple[dict[int, int | None], int]:
    """Sequence → arrival in µs (None: lost), and the feedback's count; written from the draft, not from our writer."""
    part = only(data)
    assert (part.type, part.format) == (rtcp.RTPFB, rtcp.FMT_TRANSPORT_CC)
    base, count = int.from_bytes(data[12:14], "big"), int.from_bytes(data[14:16], "big")
    clock = int.from_bytes(data[16:19], "big") * 64_000
    offset = 20
    symbols: list[int] = []
    while len(symbols) < count:
        chunk = int.from_bytes(data[offset : offset + 2], "big")
        offset += 2
        if chunk & 0x8000:
            assert chunk & 0x4000
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> 13] * (chunk & 0x1FFF)
    found: dict[int, int | None] = {}
    for index, symbol in enumerate(symbols[:count]):
        if symbol == 0:
            found[(base + index) & 0xFFFF] = None
            continue
        size = symbol
        clock += 250 * int.from_bytes(data[offset : offset + size], "big", signed=size == 2)
        offset += size
        found[(base + index) & 0xFFFF] = clock
    return found, data[19]


def test_transport_cc_reports_arrivals_losses_and_reordering() -> None:
    feedback = TransportCcFeedback(1)
    rng = random.Random(3)
    arrivals = {(65500 + index) & 0xFFFF: 64_000_000 + index * 5000 for index in range(120) if rng.random() > 0.2}
    order = list(arrivals.items())
    order[10], order[11] = order[11], order[10]
    for number, arrival in order:
        feedback.receive(number, arrival)
    (message,) = feedback.build(7)
    found, count = decode_transport_cc(message)
    assert count == 0
    for number, told in found.items():
        assert (told is None) == (number not in arrivals)
        if told is not None:
            assert abs(told - arrivals[number]) <= 250


def test_transport_cc_goes_on_where_it_stopped() -> None:
    feedback = TransportCcFeedback(1)
    feedback.receive(1, 0)
    feedback.build(7)
    assert feedback.build(7) == []
    feedback.receive(4, 1000)
    (message,) = feedback.build(7)
    found, count = decode_transport_cc(message)
    assert count == 1
    assert list(found) == [2, 3, 4]
    assert found[2] is found[3] is None


def test_transport_cc_splits_what_is_too_long() -> None:
    feedback = TransportCcFeedback(1)
    for number in range(1000):
        feedback.receive(number, number * 100)
    messages = feedback.build(7)
    assert all(len(message) < 1200 for message in messages)
    assert (
        sum(arrival is not None for message in messages for arrival in decode_transport_cc(message)[0].values()) == 1000
    )


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 1 << 40)), max_size=60))
def test_transport_cc_of_anything_can_be_read(arrivals: list[tuple[int, int]]) -> None:
    feedback = TransportCcFeedback(1)
    for number, arrival in arrivals:
        feedback.receive(number, arrival)
    for message in feedback.build(7):
        assert len(message) % 4 == 0
        decode_transport_cc(message)
