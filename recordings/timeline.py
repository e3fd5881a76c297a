"""RTP time → room time. Pure.

Room time is the media worker's UTC clock in µs (the arrival stamps of the tap). A sender report pairs the sender's
NTP clock with the RTP clock of one track (RFC 3550 §6.4.1); all tracks of a participant share that NTP clock. So one
offset per participant, the running minimum of ``arrival - NTP``, puts all of them onto room time with exact lip sync;
what is left between participants is about their one-way delay.
"""

from __future__ import annotations

from recordings.rtp import timestamp_delta

_NTP_EPOCH_S = 2_208_988_800  # 1900 → 1970
REFIT_AFTER_US = 60_000_000
SLEW_PPM = 1000
JUMP_US = 500_000


def ntp_us(ntp: int) -> int:
    """A 64-bit NTP time as UTC µs."""
    return ((ntp * 1_000_000) >> 32) - _NTP_EPOCH_S * 1_000_000


class SenderClock:
    """The offset of one participant's NTP clock to room time.

    The minimum is taken over one to two minutes, so that it follows drift; a smaller one counts at once, a larger
    one is approached at 0.1 % so that nobody hears or sees it.
    """

    def __init__(self) -> None:
        self._current_us: int | None = None
        self._windows: list[int] = []
        self._window_began_us = 0
        self._moved_us = 0

    @property
    def known(self) -> bool:
        return self._current_us is not None

    def offset_us(self) -> int:
        return self._current_us or 0

    def restore(self, offset_us: int) -> None:
        self._current_us, self._windows = offset_us, [offset_us]

    def observe(self, sender_us: int, arrival_us: int) -> None:
        """One thing that left the sender at ``sender_us`` of its clock and arrived at ``arrival_us``."""
        offset_us = arrival_us - sender_us
        if self._current_us is None or abs(offset_us - self._current_us) > 10 * JUMP_US:
            self._current_us, self._windows = offset_us, [offset_us]
            self._window_began_us = self._moved_us = arrival_us
            return
        if not self._moved_us:
            self._window_began_us = self._moved_us = arrival_us
        if arrival_us - self._window_began_us > REFIT_AFTER_US:
            self._windows = [*self._windows[-1:], offset_us]
            self._window_began_us = arrival_us
        self._windows[-1] = min(self._windows[-1], offset_us)
        self._follow(min(self._windows), arrival_us)

    def _follow(self, target_us: int, now_us: int) -> None:
        current_us = self._current_us or 0
        step_us = max(now_us - self._moved_us, 0) * SLEW_PPM // 1_000_000
        if target_us <= current_us:
            self._current_us, self._moved_us = target_us, now_us
        elif step_us:
            self._current_us, self._moved_us = min(target_us, current_us + step_us), now_us


class TrackClock:
    """Maps the RTP times of one stream. Arrival of its first packet stands in until a sender report is known."""

    def __init__(self, rate: int, sender: SenderClock) -> None:
        self._rate = rate
        self._sender = sender
        self._report: tuple[int, int] | None = None  # (sender µs, RTP time)
        self._anchor: tuple[int, int] | None = None  # (room µs, RTP time)

    def report(self, ntp: int, rtp_time: int, arrival_us: int) -> None:
        """A sender report. It counts from the next packet on."""
        self._report = (ntp_us(ntp), rtp_time)
        self._sender.observe(self._report[0], arrival_us)

    @property
    def state(self) -> list[int] | None:
        """The last sender report for ``restore``."""
        return list(self._report) if self._report else None

    def restore(self, state: list[int] | None) -> None:
        self._report = (state[0], state[1]) if state else None

    def to_room_us(self, rtp_time: int, arrival_us: int) -> int:
        """Room time of a packet that arrived just now."""
        if self._report is not None:
            sender_us = self._report[0] + self._span_us(rtp_time, self._report[1])
            # A report that is off by seconds is worse than none: some senders' RTP time stands still while muted.
            if abs(arrival_us - sender_us - self._sender.offset_us()) < 10 * JUMP_US:
                self._sender.observe(sender_us, arrival_us)
                return sender_us + self._sender.offset_us()
            self._report = None
        return self._from_anchor(rtp_time, arrival_us)

    def _from_anchor(self, rtp_time: int, arrival_us: int) -> int:
        if self._anchor is not None:
            room_us = self._anchor[0] + self._span_us(rtp_time, self._anchor[1])
            if room_us <= arrival_us < room_us + JUMP_US:
                return room_us
        # The first packet, one that came before its time (so the anchor was late), or a jump.
        self._anchor = (arrival_us, rtp_time)
        return arrival_us

    def _span_us(self, newer: int, older: int) -> int:
        return timestamp_delta(newer, older) * 1_000_000 // self._rate
