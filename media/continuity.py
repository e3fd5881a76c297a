"""How a viewer's stream goes on when what it carries changes: with the numbers that come next. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from media.rtp import vp8
from media.rtp.header import FIXED, FIXED_SIZE

if TYPE_CHECKING:
    from media.track import Track

RESTED_S = 2.0  # without a packet: a change of what is sent takes less
MAX_CLOCK_ERROR_S = 1.0  # between sender reports and arrival; a sender whose clock says more is not believed


class Numbering(NamedTuple):
    """What is added to the source's sequence numbers and timestamps, modulo 2^16 and 2^32."""

    sequence: int
    timestamp: int

    def beyond(self, base: Numbering) -> tuple[int, int]:
        return (self.sequence - base.sequence) & 0xFFFF, (self.timestamp - base.timestamp) & 0xFFFFFFFF


class History(NamedTuple):
    """Where a slot's outgoing stream stands, so that the next source goes on from there."""

    sequence: int
    timestamp: int
    at: float
    picture_id: int
    tl0: int


def go_on(history: History, history_ntp: int | None, track: Track, packet: bytes, now: float) -> Numbering:
    """Numbers that go on where the slot's last source stopped: the receiver sees one stream."""
    _, _, sequence, timestamp, _ = FIXED.unpack_from(packet)
    passed = _passed(history, history_ntp, track, timestamp, now)
    return Numbering((history.sequence + 1 - sequence) & 0xFFFF, (history.timestamp + passed - timestamp) & 0xFFFFFFFF)


def picture_deltas(history: History, packet: bytes) -> tuple[int, int]:
    """The same for VP8: what is added to the picture ids, and to the indices of the lowest temporal layer."""
    found = vp8.parse(packet, FIXED_SIZE)
    picture = (history.picture_id + 1 - found.picture_id) & 0x7FFF if found.picture_id >= 0 else 0
    tl0 = (history.tl0 + 1 - found.tl0_picture_index) & 0xFF if found.tl0_picture_index >= 0 else 0
    return picture, tl0


def _passed(history: History, history_ntp: int | None, track: Track, timestamp: int, now: float) -> int:
    """Ticks since the slot's last picture: by the sender's clock where its reports tell, else by arrival.

    Two layers of one picture arrive apart by as much as the pacing of the larger one; by its reports they are one.
    """
    rate = track.codec.clock_rate
    arrival_s = now - history.at
    ntp = track.ntp_of(timestamp)
    if history_ntp is not None and ntp is not None:
        sent_s = (ntp - history_ntp) / (1 << 32)
        if abs(sent_s - arrival_s) < MAX_CLOCK_ERROR_S:
            return max(1, round(sent_s * rate))
    return max(1, int(arrival_s * rate))
