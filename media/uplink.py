"""The receiving half of a connection: finds each packet's track, feeds transport-cc and levels, reads reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from media.bwe.transport_cc import TransportCcFeedback
from media.clock import ntp_from_utc_us
from media.control import Source
from media.publication import Publication
from media.rtp import rtcp
from media.rtp.header import AUDIO_LEVEL_URI, MID_URI, RID_URI, TRANSPORT_CC_URI, extensions, payload_offset, unwrap_rtx
from media.rtp.sequence import distance
from media.sdp.negotiation import NegotiatedCodec, NegotiatedMedia
from media.transport import Transport
from media.uptrack import SENDER_SSRC, UpTrack

KEPT_S = 1.0  # a change of codec or SSRC is a new track for viewers and recorder; more of them is an attack on both
MAX_SOURCES = 64  # SSRCs per transport; more is an attack on our memory


class UplinkListener(Protocol):
    """What a room hears from its publishers."""

    def handle_packet(self, track: UpTrack, packet: bytes, now: float) -> None: ...

    def handle_track(self, track: UpTrack) -> None: ...

    def handle_level(self, track: UpTrack, level: int, now: float) -> None: ...

    def handle_sender_report(self, track: UpTrack, report: rtcp.SenderReport, ntp: int) -> None: ...


class _Line:
    """One m-line that carries a source."""

    __slots__ = ("changed_at", "codecs", "media", "publication", "resend_types", "track")

    def __init__(self, media: NegotiatedMedia, publication: Publication) -> None:
        self.media = media
        self.publication = publication
        self.track: UpTrack | None = None
        self.changed_at = float("-inf")  # to another codec or SSRC
        self.codecs: dict[int, NegotiatedCodec] = {codec.payload_type: codec for codec in media.codecs}
        self.resend_types = {
            codec.rtx_payload_type: codec for codec in media.codecs if codec.rtx_payload_type is not None
        }


class Uplink:
    """Owns the up tracks of one transport."""

    def __init__(self, transport: Transport, listener: UplinkListener) -> None:
        self._transport = transport
        self._listener = listener
        self._counters = transport.counters
        self._lines: dict[str, _Line] = {}
        self._by_ssrc: dict[int, _Line | None] = {}  # None: seen and refused
        self._feedback = TransportCcFeedback(SENDER_SSRC)
        self._ids: dict[str, int] = {}
        self._ntp_offset: int | None = None
        self._last_ssrc = 0

    @property
    def tracks(self) -> list[UpTrack]:
        return [line.track for line in self._lines.values() if line.track is not None]

    @property
    def sources(self) -> dict[str, Source]:
        """By mid."""
        return {mid: line.publication.source for mid, line in self._lines.items()}

    def configure(self, media: Sequence[NegotiatedMedia], publication_of: Callable[[Source], Publication]) -> None:
        """Takes over a negotiation; lines that are known already go on as they are."""
        for item in media:
            if item.source is None or item.mid in self._lines:
                continue
            line = _Line(item, publication_of(item.source))
            self._lines[item.mid] = line
            line.publication.sendable = frozenset(codec.name for codec in item.codecs)
            self._ids.update({uri: extension.id for uri, extension in item.extensions.items()})
            if item.rid is None:
                for ssrc in (*item.ssrcs, *item.rtx_ssrcs.values()):
                    self._by_ssrc[ssrc] = line

    def receive(self, packet: bytes, now: float) -> None:
        """One decrypted RTP packet. Raises ValueError when it is malformed."""
        offset = payload_offset(packet)
        level = mid_line = None
        rid: bytes | None = None
        ids = self._ids
        for id_, start, length in extensions(packet):
            if id_ == ids.get(TRANSPORT_CC_URI):
                if length == 2:
                    self._feedback.receive(packet[start] << 8 | packet[start + 1], int(now * 1_000_000))
            elif id_ == ids.get(AUDIO_LEVEL_URI):
                level = packet[start] & 0x7F
            elif id_ == ids.get(MID_URI):
                mid_line = self._lines.get(packet[start : start + length].decode("ascii", "replace"))
            elif id_ == ids.get(RID_URI):
                rid = packet[start : start + length]
        ssrc = int.from_bytes(packet[8:12], "big")
        self._counters["rtp_in"] += 1
        line = self._by_ssrc.get(ssrc)
        if line is None:
            line = self._identify(ssrc, packet[1] & 0x7F, mid_line, rid)
            if line is None:
                self._counters["drop_unknown_ssrc"] += 1
                return
        self._deliver(line, ssrc, packet, offset, level, now)

    def _deliver(self, line: _Line, ssrc: int, packet: bytes, offset: int, level: int | None, now: float) -> None:
        publication = line.publication
        if not publication.is_granted or now < publication.quiet_until:
            self._counters["drop_withdrawn" if publication.is_granted else "drop_not_granted"] += 1
            line.track = None  # with a new grant all begins anew: nothing from before it is asked for or resent
            return
        payload_type = packet[1] & 0x7F
        codec = line.codecs.get(payload_type)
        if codec is None:
            self._recover(line, payload_type, packet, offset, now)
            return
        track = line.track
        if track is None or track is publication.ended:
            track = self._begin(line, ssrc, codec)
        elif track.ssrc != ssrc or track.codec is not codec:
            if not _may_change(line, track, ssrc, packet, now):
                self._counters["drop_other_source"] += 1
                return
            line.changed_at = now
            track = self._begin(line, ssrc, codec)
        self._last_ssrc = ssrc
        if track.receive(packet, offset, now, False):
            self._listener.handle_packet(track, packet, now)
            if level is not None:
                self._listener.handle_level(track, level, now)

    def _begin(self, line: _Line, ssrc: int, codec: NegotiatedCodec) -> UpTrack:
        track = line.track = UpTrack(line.publication, self._transport, ssrc, codec)
        line.publication.set_track(track)
        self._listener.handle_track(track)
        return track

    def _recover(self, line: _Line, payload_type: int, packet: bytes, offset: int, now: float) -> None:
        """An RTX packet; many are empty, since browsers probe for bandwidth with them."""
        codec = line.resend_types.get(payload_type)
        track = line.track
        if codec is None:
            self._counters["drop_payload_type"] += 1
            return
        padding = packet[-1] if packet[0] & 0x20 else 0
        if track is None or track is line.publication.ended or len(packet) - offset - padding <= 2:
            self._counters["padding_in"] += 1
            return
        if codec is not track.codec:
            self._counters["drop_other_source"] += 1
            return
        original = unwrap_rtx(packet, offset, codec.payload_type, track.ssrc)
        if track.receive(original, payload_offset(original), now, True):
            self._counters["recovered"] += 1
            self._listener.handle_packet(track, original, now)

    def _identify(self, ssrc: int, payload_type: int, line: _Line | None, rid: bytes | None) -> _Line | None:
        """An SSRC that the offer did not name: by MID (RFC 8843 §9.2), else by a payload type of only one line."""
        if ssrc in self._by_ssrc or len(self._by_ssrc) >= MAX_SOURCES:
            return None
        if line is None:
            fitting = [item for item in self._lines.values() if payload_type in item.codecs]
            line = fitting[0] if len(fitting) == 1 else None
        if line is None:
            return None
        if line.media.rid is not None and rid is not None and rid != line.media.rid.encode():
            self._by_ssrc[ssrc] = None
            return None
        self._by_ssrc[ssrc] = line
        return line

    # --- RTCP

    def handle_sender_report(self, report: rtcp.SenderReport, utc_us: int, now: float) -> None:
        """Maps the sender's clock to ours, with one offset for all of its tracks, so that lip sync holds."""
        line = self._by_ssrc.get(report.ssrc)
        if line is None or line.track is None or line.track.ssrc != report.ssrc or not line.publication.is_granted:
            return
        if line.track is line.publication.ended:
            return
        if self._ntp_offset is None:
            self._ntp_offset = ntp_from_utc_us(utc_us) - report.ntp
        line.track.reception.note_sender_report(report.ntp, now)
        ntp = (report.ntp + self._ntp_offset) & 0xFFFFFFFFFFFFFFFF
        self._listener.handle_sender_report(line.track, report, ntp)

    def send_feedback(self) -> None:
        """Transport-cc, about 20 times a second while packets come."""
        for message in self._feedback.build(self._last_ssrc):
            self._transport.send_rtcp(message)

    def ask_again(self, now: float) -> None:
        for track in self.tracks:
            track.ask_again(now)

    def send_reports(self, now: float) -> None:
        """Receiver reports, once a second."""
        blocks = [block for track in self.tracks if (block := track.reception.report(track.ssrc, now)) is not None]
        if blocks:
            self._transport.send_rtcp(rtcp.write_receiver_report(SENDER_SSRC, blocks))


def _may_change(line: _Line, track: UpTrack, ssrc: int, packet: bytes, now: float) -> bool:
    """Whether the source or its encoder has changed over, or this is a packet of the former one that comes late."""
    is_behind = track.ssrc == ssrc and distance(packet[2] << 8 | packet[3], track.reception.highest) <= 0
    return not is_behind and now - line.changed_at >= KEPT_S
