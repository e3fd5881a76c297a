"""One encoding of a publication as a room has it, whether it comes from a client here or from another worker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from media.rtp import h264, rtcp, vp8
from media.rtp.header import FIXED_SIZE
from media.rtp.packet_cache import PacketCache
from media.rtp.reception import Reception
from media.rtp.sequence import timestamp_distance
from media.sdp.negotiation import NegotiatedCodec

if TYPE_CHECKING:
    from media.layer import Layer
    from media.publication import Publication


class Track(ABC):
    """One codec from one sender; hands stripped packets to its layer."""

    __slots__ = ("cache", "codec", "layer", "number", "origin", "reception", "report", "reported_at", "ssrc")

    def __init__(self, layer: Layer, origin: object, ssrc: int, codec: NegotiatedCodec) -> None:
        self.layer = layer
        self.origin = origin  # the connection that it comes over: another one sends all of its layers anew
        self.ssrc = ssrc
        self.codec = codec
        self.number = -1  # on the tap
        self.report: tuple[int, int] | None = None  # newest sender report: NTP time on our clock, RTP time
        self.reported_at = 0.0
        self.cache = PacketCache()
        self.reception = Reception(codec.clock_rate)

    @property
    def publication(self) -> Publication:
        return self.layer.publication

    def ntp_of(self, timestamp: int) -> int | None:
        """When a picture left its sender; None before the first sender report."""
        if self.report is None:
            return None
        ntp, rtp_time = self.report
        return ntp + (timestamp_distance(timestamp & 0xFFFFFFFF, rtp_time) << 32) // self.codec.clock_rate

    def report_at(self, now: float) -> tuple[int, int] | None:
        """The report as its sender would give it now, which arrives as late as the last one did."""
        if self.report is None:
            return None
        passed_s = now - self.reported_at
        ntp, rtp_time = self.report
        return ntp + int(passed_s * (1 << 32)), (rtp_time + int(passed_s * self.codec.clock_rate)) & 0xFFFFFFFF

    def write_report(self, ssrc: int, timestamp_delta: int, packets: int, octets: int) -> bytes:
        """The report as a viewer's stream has it. Raises ValueError before the first has come."""
        if self.report is None:
            raise ValueError("no sender report has come yet")
        ntp, rtp_time = self.report
        return rtcp.write_sender_report(ssrc, ntp, rtp_time + timestamp_delta, packets, octets)

    def note_height(self, keyframe: bytes) -> None:
        """``keyframe``: the first packet of one."""
        parser = vp8 if self.codec.name == "VP8" else h264
        height = parser.height(keyframe, FIXED_SIZE)
        if height and height != self.layer.height:
            self.layer.height = height
            self.publication.handle_height()

    @abstractmethod
    def send_pli(self, now: float) -> None:
        """Asks the sender for a keyframe, now."""
