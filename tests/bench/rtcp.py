"""The RTCP that a viewing browser sends, and a reader for what it gets (RFC 3550, 4585, transport-wide cc); pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, RTPFB, PSFB = 200, 201, 202, 205, 206
FMT_NACK, FMT_TRANSPORT_CC, FMT_PLI, FMT_FIR = 1, 15, 1, 4
TICK_US, REFERENCE_US = 250, 64_000  # units of draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1

_COMMON = struct.Struct("!BBH")
_FEEDBACK = struct.Struct("!BBHII")
_FEEDBACK_BODY = struct.Struct("!HHI")
_BLOCK = struct.Struct("!IIIIII")
_SR = struct.Struct("!BBHIIIIII")


class ReportBlock(NamedTuple):
    ssrc: int
    fraction_lost: int  # of 256
    lost: int
    highest_sequence: int  # extended
    jitter: int = 0
    last_sr: int = 0
    delay_since_sr: int = 0


def receiver_report(ssrc: int, blocks: Sequence[ReportBlock], cname: bytes = b"bench") -> bytes:
    """RR and SDES, the compound packet that browsers send (RFC 3550 §6.1)."""
    body = b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | (block.lost & 0xFFFFFF),
            block.highest_sequence & 0xFFFFFFFF,
            block.jitter,
            block.last_sr,
            block.delay_since_sr,
        )
        for block in blocks
    )
    report = _COMMON.pack(0x80 | len(blocks), RECEIVER_REPORT, 1 + len(body) // 4) + struct.pack("!I", ssrc) + body
    item = struct.pack("!IBB", ssrc, 1, len(cname)) + cname
    item += bytes(4 - len(item) % 4)  # at least one zero ends the list
    return report + _COMMON.pack(0x81, SOURCE_DESCRIPTION, len(item) // 4) + item


def sender_report(ssrc: int, ntp: int, rtp_time: int, packets: int, octets: int) -> bytes:
    """An SR without blocks (RFC 3550 §6.4.1)."""
    counts = (rtp_time & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _SR.pack(0x80, SENDER_REPORT, 6, ssrc, ntp >> 32, ntp & 0xFFFFFFFF, *counts)


def generic_nack(ssrc: int, media_ssrc: int, sequences: Sequence[int]) -> bytes:
    """Asks for packets again (RFC 4585 §6.2.1); one entry each: what is lost at random seldom stands together."""
    entries = b"".join(struct.pack("!HH", sequence, 0) for sequence in sequences)
    return _FEEDBACK.pack(0x80 | FMT_NACK, RTPFB, 2 + len(sequences), ssrc, media_ssrc) + entries


def _chunks(statuses: bytearray) -> bytes:
    """Run-length chunks (§3.1.3): one per run of equal symbols, each at most 8191 long."""
    size = len(statuses)
    if statuses.count(statuses[0]) == size <= 0x1FFF:  # nothing was lost, the usual case
        return struct.pack("!H", statuses[0] << 13 | size)
    chunks = bytearray()
    start = 0
    while start < size:
        symbol = statuses[start]
        end = start + 1
        while end < size and statuses[end] == symbol and end - start < 0x1FFF:
            end += 1
        chunks += struct.pack("!H", symbol << 13 | (end - start))
        start = end
    return bytes(chunks)


def transport_feedback(
    ssrc: int, media_ssrc: int, feedback_count: int, arrivals: Sequence[tuple[int, int]], base: int | None = None
) -> bytes:
    """Feedback for ``arrivals`` (transport-wide sequence, arrival in µs), in order of arrival and not empty.

    It begins with ``base``, the number behind those of the last feedback, so that what was lost between two of them is
    reported too. Numbers that did not arrive are reported as not received; the server knows which it never sent.
    """
    anchor = arrivals[0][0] if base is None else base
    relative = [(((sequence - anchor + 0x8000) & 0xFFFF) - 0x8000, time_us) for sequence, time_us in arrivals]
    relative.sort()
    lowest = min(relative[0][0], 0)
    reference = relative[0][1] // REFERENCE_US
    previous = reference * REFERENCE_US // TICK_US
    statuses = bytearray(relative[-1][0] - lowest + 1)
    deltas = bytearray()
    for position, time_us in relative:
        if statuses[position - lowest]:
            continue  # a duplicate
        ticks = time_us // TICK_US
        delta = ticks - previous
        previous = ticks
        if 0 <= delta <= 255:
            statuses[position - lowest] = 1
            deltas.append(delta)
        else:
            statuses[position - lowest] = 2
            deltas += struct.pack("!h", max(-0x8000, min(0x7FFF, delta)))
    body = _FEEDBACK_BODY.pack(
        (anchor + lowest) & 0xFFFF, len(statuses), (reference & 0xFFFFFF) << 8 | (feedback_count & 0xFF)
    )
    body += _chunks(statuses) + deltas
    body += bytes(-len(body) % 4)
    return _FEEDBACK.pack(0x80 | FMT_TRANSPORT_CC, RTPFB, 2 + len(body) // 4, ssrc, media_ssrc) + body


class RtcpPart(NamedTuple):
    """One packet of a compound: its type, its count or format field, and its bytes with the header."""

    packet_type: int
    format: int
    data: bytes


def parts(compound: bytes) -> Iterator[RtcpPart]:
    """The packets of a compound. Stops at the first that does not fit."""
    offset = 0
    while offset + 4 <= len(compound):
        first, packet_type, words = _COMMON.unpack_from(compound, offset)
        end = offset + 4 * (words + 1)
        if end > len(compound) or first >> 6 != 2:
            return
        yield RtcpPart(packet_type, first & 0x1F, compound[offset:end])
        offset = end
