"""Reception statistics of one source for receiver reports (RFC 3550 §6.4.1 and appendix A)."""

from __future__ import annotations

from media.rtp.rtcp import ReportBlock

OVERTAKEN = 32  # what comes later than so many packets behind counts as lost


class Reception:
    """Counts what came and what should have come."""

    __slots__ = (
        "_arrived",
        "_base",
        "_clock_rate",
        "_cycles",
        "_expected_before",
        "_gaps",
        "_highest",
        "_jitter",
        "_received",
        "_received_before",
        "_sr_arrival",
        "_sr_middle",
        "_transit",
        "_was_there",
    )

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._base = self._highest = -1
        self._cycles = self._gaps = 0
        self._arrived = bytearray(b"\1" * 2 * OVERTAKEN)  # the newest, by their number
        self._was_there = 1  # the newest of those that are counted
        self._received = self._received_before = self._expected_before = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._sr_middle = 0
        self._sr_arrival = 0.0

    @property
    def highest(self) -> int:
        """The newest 16-bit sequence number, -1 before the first packet."""
        return self._highest

    @property
    def totals(self) -> tuple[int, int]:
        """How many packets should have come, and how often one or some in a row did not."""
        if self._highest < 0:
            return 0, 0
        return self._cycles + self._highest - self._base + 1, self._gaps

    def receive(self, sequence: int, timestamp: int, now: float) -> None:
        """Notes a packet that was not a resend."""
        self._received += 1
        if self._highest < 0:
            self._base = self._highest = sequence
        elif (ahead := (sequence - self._highest) & 0xFFFF) == 0:
            pass
        elif ahead < 0x8000:
            if sequence < self._highest:
                self._cycles += 0x10000
            self._highest = sequence
            self._count(sequence, ahead)
        elif ahead > 0x10000 - OVERTAKEN:
            self._arrived[sequence % len(self._arrived)] = 1
        transit = now * self._clock_rate - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < self._clock_rate * 10:  # a wrap or a jump of the timestamp is no jitter
                self._jitter += (change - self._jitter) / 16
        self._transit = transit

    def _count(self, sequence: int, ahead: int) -> None:
        """``sequence`` is the newest by so many. What it leaves behind for good is counted."""
        arrived = self._arrived
        if ahead > OVERTAKEN:
            arrived[:] = b"\1" * len(arrived)
            self._gaps += 1
            return
        for number in range(sequence - ahead + 1, sequence + 1):
            is_there = arrived[(number - OVERTAKEN) % len(arrived)]
            self._gaps += self._was_there > is_there
            self._was_there = is_there
            arrived[number % len(arrived)] = 0
        arrived[sequence % len(arrived)] = 1

    def note_sender_report(self, ntp: int, now: float) -> None:
        self._sr_middle = ntp >> 16 & 0xFFFFFFFF
        self._sr_arrival = now

    def report(self, ssrc: int, now: float) -> ReportBlock | None:
        """The block since the last call; None before the first packet."""
        if self._highest < 0:
            return None
        extended = self._cycles + self._highest
        expected = extended - self._base + 1
        expected_now = expected - self._expected_before
        received_now = self._received - self._received_before
        self._expected_before, self._received_before = expected, self._received
        lost_now = expected_now - received_now
        fraction = min(255, lost_now * 256 // expected_now) if expected_now > 0 and lost_now > 0 else 0
        delay = int((now - self._sr_arrival) * 65536) if self._sr_middle else 0
        return ReportBlock(
            ssrc,
            fraction,
            expected - self._received,
            extended & 0xFFFFFFFF,
            min(int(self._jitter), 0xFFFFFFFF),
            self._sr_middle,
            min(delay, 0xFFFFFFFF),
        )
