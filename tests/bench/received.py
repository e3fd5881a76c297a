"""What one viewer knows of one stream that it receives: numbers, gaps, what its reports say; pure."""

from __future__ import annotations

from tests.bench import rtcp

# As Chromium's NACK module: at most ten requests for a packet, again after the round trip that it assumes at first;
# a gap this wide is not asked for packet by packet.
NACK_TRIES, NACK_AGAIN_NS, WIDEST_GAP = 10, 100_000_000, 1000
MOST_ASKED = 250  # for what one datagram holds


class Received:
    """One SSRC at one viewer."""

    __slots__ = (
        "base",
        "cycles",
        "feed",
        "highest",
        "is_unsure",
        "missing",
        "reported",
        "reported_highest",
        "seen",
        "ssrc",
        "total",
    )

    def __init__(self, ssrc: int, feed: int, base: int, seen: bytearray, sequence: int) -> None:
        self.ssrc = ssrc
        self.feed = feed
        self.base = base  # the server's sequence number of the feed's packet 0
        self.seen = seen
        self.is_unsure = False  # the next packet is decrypted, to see whether it is still this feed
        self.highest = sequence
        self.cycles = 0
        self.total = 0
        self.reported = 0
        self.reported_highest = sequence
        self.missing: dict[int, tuple[int, int]] = {}  # sequence → times it was asked for, and when to ask again

    def note_gap(self, sequence: int) -> None:
        """``sequence`` is not the one after the highest: packets are missing before it, or it is one of them."""
        gap = (sequence - self.highest) & 0xFFFF
        if gap >= 0x8000 or not gap:
            self.missing.pop(sequence, None)
            return
        if gap <= WIDEST_GAP:
            self.missing.update(dict.fromkeys(((self.highest + step) & 0xFFFF for step in range(1, gap)), (0, 0)))
        self.highest = sequence

    def report(self) -> rtcp.ReportBlock:
        """A report block over what came since the last one. One wrap between two reports is noticed, more cannot be."""
        if self.highest < self.reported_highest & 0xFFFF:
            self.cycles += 1
        extended = self.cycles << 16 | self.highest
        expected = extended - self.reported_highest
        lost = max(0, expected - (self.total - self.reported))
        self.reported, self.reported_highest = self.total, extended
        return rtcp.ReportBlock(self.ssrc, min(255, lost * 256 // max(1, expected)), lost, extended)

    def due(self, now_ns: int) -> list[int]:
        """What is to be asked for now; after enough tries a packet is given up."""
        found = [sequence for sequence, (_tries, again_ns) in self.missing.items() if again_ns <= now_ns][:MOST_ASKED]
        for sequence in found:
            tries = self.missing[sequence][0] + 1
            if tries < NACK_TRIES:
                self.missing[sequence] = (tries, now_ns + NACK_AGAIN_NS)
            else:
                del self.missing[sequence]
        return found
