"""RTCP as bytes: what the SFU reads and writes (RFC 3550 §6, RFC 4585 §6). Raises ValueError when malformed."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SR, RR, SDES, BYE, APP, RTPFB, PSFB = 200, 201, 202, 203, 204, 205, 206
FMT_NACK, FMT_TRANSPORT_CC = 1, 15
FMT_PLI, FMT_FIR, FMT_AFB = 1, 4, 15

_HEAD = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IQIII")
_REPORT = struct.Struct("!IIIIII")
_FEEDBACK = struct.Struct("!II")
_NACK = struct.Struct("!HH")
MAX_PARTS = 64


class Part(NamedTuple):
    """One packet of a compound: type, the five-bit count or format, and where its body lies."""

    type: int
    format: int  # or count, for reports
    start: int
    end: int


class SenderReport(NamedTuple):
    ssrc: int
    ntp: int
    rtp_time: int
    packets: int
    octets: int


class ReportBlock(NamedTuple):
    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


def parts(data: bytes) -> Iterator[Part]:
    """The packets of a compound. Reduced-size compounds (RFC 5506) are welcome."""
    offset = 0
    size = len(data)
    for _ in range(MAX_PARTS):
        if offset == size:
            return
        if offset + 4 > size or data[offset] >> 6 != 2:
            raise ValueError("RTCP header is malformed")
        first, type_, words = _HEAD.unpack_from(data, offset)
        end = offset + 4 + 4 * words
        if end > size:
            raise ValueError("RTCP packet is cut off")
        yield Part(type_, first & 0x1F, offset + 4, end)
        offset = end
    raise ValueError("RTCP compound has too many parts")


def read_sender_report(data: bytes, part: Part) -> SenderReport:
    if part.end - part.start < _SENDER_INFO.size:
        raise ValueError("sender report is cut off")
    return SenderReport(*_SENDER_INFO.unpack_from(data, part.start))


def read_report_blocks(data: bytes, part: Part) -> Iterator[ReportBlock]:
    """Report blocks of an SR or RR."""
    offset = part.start + (_SENDER_INFO.size if part.type == SR else 4)
    for _ in range(part.format):
        if offset + _REPORT.size > part.end:
            raise ValueError("report block is cut off")
        ssrc, lost, highest, jitter, last_sr, delay = _REPORT.unpack_from(data, offset)
        cumulative = lost & 0xFFFFFF
        if cumulative & 0x800000:
            cumulative -= 0x1000000
        yield ReportBlock(ssrc, lost >> 24, cumulative, highest, jitter, last_sr, delay)
        offset += _REPORT.size


def read_media_ssrc(data: bytes, part: Part) -> int:
    """The source that a feedback message is about."""
    if part.end - part.start < _FEEDBACK.size:
        raise ValueError("feedback message is cut off")
    return int(_FEEDBACK.unpack_from(data, part.start)[1])


def read_nack(data: bytes, part: Part, limit: int = 64) -> list[int]:
    """The sequence numbers of a generic NACK (RFC 4585 §6.2.1), at most ``limit``."""
    found: list[int] = []
    for offset in range(part.start + _FEEDBACK.size, part.end - 3, 4):
        first, mask = _NACK.unpack_from(data, offset)
        found.append(first)
        found += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(found) >= limit:
            return found[:limit]
    return found


def read_fir_ssrcs(data: bytes, part: Part) -> list[int]:
    """The sources of a full intra request (RFC 5104 §4.3.1)."""
    return [int.from_bytes(data[at : at + 4], "big") for at in range(part.start + _FEEDBACK.size, part.end - 7, 8)]


def write_sender_report(ssrc: int, ntp: int, rtp_time: int, packets: int, octets: int) -> bytes:
    return _HEAD.pack(0x80, SR, 6) + _SENDER_INFO.pack(
        ssrc, ntp, rtp_time & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
    )


def write_receiver_report(sender_ssrc: int, blocks: Iterable[ReportBlock]) -> bytes:
    body = b"".join(
        _REPORT.pack(
            block.ssrc,
            block.fraction_lost << 24 | (max(-0x800000, min(block.cumulative_lost, 0x7FFFFF)) & 0xFFFFFF),
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay_since_last_sr,
        )
        for block in blocks
    )
    count = len(body) // _REPORT.size
    return _HEAD.pack(0x80 | count, RR, 1 + len(body) // 4) + sender_ssrc.to_bytes(4, "big") + body


def write_pli(sender_ssrc: int, media_ssrc: int) -> bytes:
    return _HEAD.pack(0x80 | FMT_PLI, PSFB, 2) + _FEEDBACK.pack(sender_ssrc, media_ssrc)


def write_nack(sender_ssrc: int, media_ssrc: int, sequences: Iterable[int]) -> bytes:
    """A generic NACK; neighbours share an entry."""
    entries: list[tuple[int, int]] = []
    for sequence in sequences:
        if entries and 0 < (sequence - entries[-1][0]) & 0xFFFF <= 16:
            first, mask = entries[-1]
            entries[-1] = (first, mask | 1 << ((sequence - first - 1) & 0xFFFF))
        else:
            entries.append((sequence, 0))
    body = b"".join(_NACK.pack(first, mask) for first, mask in entries)
    return _HEAD.pack(0x80 | FMT_NACK, RTPFB, 2 + len(entries)) + _FEEDBACK.pack(sender_ssrc, media_ssrc) + body
