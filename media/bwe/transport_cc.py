"""Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

Without it Chromium's sender stays at its start bit rate. Pure: arrivals in, feedback packets out.
"""

from __future__ import annotations

import struct

from media.rtp.sequence import distance

_HEAD = struct.Struct("!BBHIIHH")
_TICK_US = 250
_REFERENCE_US = 64_000
MAX_PACKETS = 400  # per feedback; keeps it far below one datagram
MAX_SPAN = 2000  # sequence numbers; a longer hole starts a new feedback
MAX_MESSAGES = 6  # at once; numbers all over the place are an attack on our time

_ABSENT, _SMALL, _LARGE = 0, 1, 2


class TransportCcFeedback:
    """Collects the arrivals of one transport between two feedback messages."""

    __slots__ = ("_arrivals", "_count", "_next_base", "_sender_ssrc")

    def __init__(self, sender_ssrc: int) -> None:
        self._sender_ssrc = sender_ssrc
        self._arrivals: list[tuple[int, int]] = []
        self._count = 0
        self._next_base: int | None = None

    def receive(self, sequence: int, arrival_us: int) -> None:
        if len(self._arrivals) < 4 * MAX_PACKETS:
            self._arrivals.append((sequence, arrival_us))

    def build(self, media_ssrc: int) -> list[bytes]:
        """Feedback for everything that arrived since the last call, oldest first."""
        if not self._arrivals:
            return []
        anchor = self._arrivals[0][0]
        ordered = sorted((distance(sequence, anchor), arrival) for sequence, arrival in self._arrivals)
        self._arrivals.clear()
        out: list[bytes] = []
        group: dict[int, int] = {}
        for offset, arrival in ordered:
            if group and (len(group) >= MAX_PACKETS or offset - next(iter(group)) > MAX_SPAN):
                out.append(self._message(media_ssrc, anchor, group))
                group = {}
                if len(out) == MAX_MESSAGES:
                    return out
            group.setdefault(offset, arrival)
        out.append(self._message(media_ssrc, anchor, group))
        return out

    def _message(self, media_ssrc: int, anchor: int, group: dict[int, int]) -> bytes:
        base = self._base(anchor, group)
        last = max(group)
        reference = group[min(group)] // _REFERENCE_US
        clock = reference * _REFERENCE_US
        symbols: list[int] = []
        deltas = bytearray()
        for offset in range(base, last + 1):
            arrival = group.get(offset)
            if arrival is None:
                symbols.append(_ABSENT)
                continue
            ticks = max(-0x8000, min((arrival - clock) // _TICK_US, 0x7FFF))
            clock += ticks * _TICK_US
            small = 0 <= ticks <= 255
            symbols.append(_SMALL if small else _LARGE)
            deltas += ticks.to_bytes(1 if small else 2, "big", signed=not small)
        body = _chunks(symbols) + bytes(deltas)
        padding = -len(body) % 4
        if padding:
            body += bytes(padding - 1) + bytes((padding,))
        head = _HEAD.pack(
            0x80 | (0x20 if padding else 0) | 15,
            205,
            (_HEAD.size + 4 + len(body)) // 4 - 1,
            self._sender_ssrc,
            media_ssrc,
            (anchor + base) & 0xFFFF,
            len(symbols),
        )
        self._count = (self._count + 1) & 0xFF
        self._next_base = (anchor + last + 1) & 0xFFFF
        return head + (reference & 0xFFFFFF).to_bytes(3, "big") + bytes(((self._count - 1) & 0xFF,)) + body

    def _base(self, anchor: int, group: dict[int, int]) -> int:
        """Begins where the last message ended, so that what was lost in between is reported as lost."""
        first = min(group)
        if self._next_base is None:
            return first
        expected = distance(self._next_base, anchor)
        return expected if 0 < first - expected <= MAX_SPAN else first


def _chunks(symbols: list[int]) -> bytes:
    """Run-length chunks where they pay, else vectors of seven two-bit symbols (§3.1.3, §3.1.4)."""
    out = bytearray()
    at = 0
    while at < len(symbols):
        run = 1
        while at + run < len(symbols) and symbols[at + run] == symbols[at] and run < 0x1FFF:
            run += 1
        if run >= 7 or at + run == len(symbols):
            out += (symbols[at] << 13 | run).to_bytes(2, "big")
            at += run
            continue
        vector = 0xC000
        for index, symbol in enumerate(symbols[at : at + 7]):
            vector |= symbol << (12 - 2 * index)
        out += vector.to_bytes(2, "big")
        at += 7
    return bytes(out)
