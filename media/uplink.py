"""The receiving half of a connection: finds each packet's track, feeds transport-cc and levels, reads reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from media.bwe.clumps import Clumps
from media.bwe.lasting_loss import LastingLoss
from media.bwe.loss_cap import UPLINK_LIMITS, LossCap
from media.bwe.transport_cc import TransportCcFeedback
from media.clock import ntp_from_utc_us
from media.control import Source
from media.layer import Layer
from media.publication import Publication
from media.rtp import rtcp
from media.rtp.header import (
    ABS_SEND_TIME_URI,
    AUDIO_LEVEL_URI,
    MID_URI,
    REPAIRED_RID_URI,
    RID_URI,
    TRANSPORT_CC_URI,
    extensions,
    payload_offset,
    unwrap_rtx,
)
from media.rtp.sequence import distance
from media.sdp.negotiation import NegotiatedCodec, NegotiatedMedia
from media.track import Track
from media.transport import Transport
from media.uptrack import SENDER_SSRC, UpTrack

KEPT_S = 1.0  # a change of codec or SSRC is a new track for viewers and recorder; more of them is an attack on both
MEMORY = 300  # packets by which the loss on the way is judged: enough where bursts count as one
MAX_SOURCES = 64  # SSRCs per transport; more is an attack on our memory


class UplinkListener(Protocol):
    """What a room hears from its publishers."""

    def handle_packet(self, track: Track, packet: bytes) -> None: ...

    def handle_track(self, track: Track) -> None: ...

    def handle_level(self, track: Track, level: int, now: float) -> None: ...

    def handle_sender_report(self, track: Track) -> None: ...


class _Encoding:
    """One layer as this connection sends it."""

    __slots__ = ("changed_at", "layer", "line", "track")

    def __init__(self, line: _Line, layer: Layer) -> None:
        self.line = line
        self.layer = layer
        self.track: UpTrack | None = None
        self.changed_at = float("-inf")  # to another codec or SSRC


class _Line:
    """One m-line that carries a source, in one encoding or several."""

    __slots__ = ("codecs", "encodings", "layers", "publication", "resend_types")

    def __init__(self, media: NegotiatedMedia, publication: Publication) -> None:
        self.publication = publication
        self.layers = publication.prepare(media.rids or ("",))
        self.encodings = {layer.rid.encode(): _Encoding(self, layer) for layer in self.layers}
        self.codecs: dict[int, NegotiatedCodec] = {codec.payload_type: codec for codec in media.codecs}
        # Redundancy is a way of sending and no other codec: the same track goes on with it and without.
        self.codecs |= {codec.red_payload_type: codec for codec in media.codecs if codec.red_payload_type is not None}
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
        self._by_ssrc: dict[int, _Encoding | None] = {}  # None: seen and refused
        self._feedback = TransportCcFeedback(SENDER_SSRC)
        self._clumps = Clumps()
        self._loss, self._loss_cap = LastingLoss(memory=MEMORY), LossCap(UPLINK_LIMITS)
        self._ids: dict[str, int] = {}
        self._ntp_offset: int | None = None
        self._last_ssrc = 0

    @property
    def tracks(self) -> list[UpTrack]:
        return [encoding.track for encoding in self._encodings() if encoding.track is not None]

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
            if not item.rids:
                for ssrc in (*item.ssrcs, *item.rtx_ssrcs.values()):
                    self._by_ssrc[ssrc] = line.encodings[b""]

    def receive(self, packet: bytes, now: float) -> None:
        """One decrypted RTP packet. Raises ValueError when it is malformed."""
        offset = payload_offset(packet)
        level = mid_line = number = stamp = None
        rid: bytes | None = None
        ids = self._ids
        for id_, start, length in extensions(packet):
            if id_ == ids.get(TRANSPORT_CC_URI):
                if length == 2:
                    number = packet[start] << 8 | packet[start + 1]
            elif id_ == ids.get(ABS_SEND_TIME_URI):
                if length == 3:
                    stamp = int.from_bytes(packet[start : start + 3], "big")
            elif id_ == ids.get(AUDIO_LEVEL_URI):
                level = packet[start] & 0x7F
            elif id_ == ids.get(MID_URI):
                mid_line = self._lines.get(packet[start : start + length].decode("ascii", "replace"))
            elif id_ == ids.get(RID_URI) or id_ == ids.get(REPAIRED_RID_URI):
                rid = packet[start : start + length]
        if number is not None:
            self._note_arrival(number, stamp, len(packet), int(now * 1_000_000))
        ssrc = int.from_bytes(packet[8:12], "big")
        self._counters["rtp_in"] += 1
        encoding = self._by_ssrc.get(ssrc)
        if encoding is None:
            encoding = self._identify(ssrc, packet[1] & 0x7F, mid_line, rid)
            if encoding is None:
                self._counters["drop_unknown_ssrc"] += 1
                return
        self._deliver(encoding, ssrc, packet, offset, level, now)

    def _note_arrival(self, number: int, stamp: int | None, size: int, now_us: int) -> None:
        """For the feedback from which the client learns what its path carries."""
        self._feedback.receive(number, now_us if stamp is None else self._clumps.smooth(stamp, now_us, size))

    def _deliver(
        self, encoding: _Encoding, ssrc: int, packet: bytes, offset: int, level: int | None, now: float
    ) -> None:
        line = encoding.line
        publication = line.publication
        if not publication.is_granted or now < publication.quiet_until:
            self._counters["drop_withdrawn" if publication.is_granted else "drop_not_granted"] += 1
            encoding.track = None  # with a new grant all begins anew: nothing from before it is asked for or resent
            return
        if not publication.cap.allows(len(packet), now):
            self._counters["drop_bitrate"] += 1
            return
        payload_type = packet[1] & 0x7F
        codec = line.codecs.get(payload_type)
        if codec is None:
            self._recover(encoding, payload_type, packet, offset, now)
            return
        track = encoding.track
        if track is None or track is encoding.layer.ended:
            track = self._begin(encoding, ssrc, codec, now)
        elif track.ssrc != ssrc or track.codec is not codec:
            if not _may_change(encoding, track, ssrc, packet, now):
                self._counters["drop_other_source"] += 1
                return
            encoding.changed_at = now
            track = self._begin(encoding, ssrc, codec, now)
        self._last_ssrc = ssrc
        if track.receive(packet, offset, now, False):
            self._listener.handle_packet(track, packet)
            if level is not None:
                self._listener.handle_level(track, level, now)

    def _begin(self, encoding: _Encoding, ssrc: int, codec: NegotiatedCodec, now: float) -> UpTrack:
        track = encoding.track = UpTrack(encoding.layer, self._transport, ssrc, codec)
        encoding.line.publication.set_track(encoding.line.layers, track, now)
        self._listener.handle_track(track)
        return track

    def _recover(self, encoding: _Encoding, payload_type: int, packet: bytes, offset: int, now: float) -> None:
        """An RTX packet; many are empty, since browsers probe for bandwidth with them."""
        codec = encoding.line.resend_types.get(payload_type)
        track = encoding.track
        if codec is None:
            self._counters["drop_payload_type"] += 1
            return
        padding = packet[-1] if packet[0] & 0x20 else 0
        if track is None or track is encoding.layer.ended or len(packet) - offset - padding <= 2:
            self._counters["padding_in"] += 1
            return
        if codec is not track.codec:
            self._counters["drop_other_source"] += 1
            return
        original = unwrap_rtx(packet, offset, codec.payload_type, track.ssrc)
        if track.receive(original, payload_offset(original), now, True):
            self._counters["recovered"] += 1
            self._listener.handle_packet(track, original)

    def _identify(self, ssrc: int, payload_type: int, line: _Line | None, rid: bytes | None) -> _Encoding | None:
        """An SSRC that the offer did not name: by MID (RFC 8843 §9.2), else by a payload type of only one line.

        Which of a line's encodings it is the RID tells, or for resends the repaired RID (RFC 8852).
        """
        if ssrc in self._by_ssrc or len(self._by_ssrc) >= MAX_SOURCES:
            return None
        if line is None:
            fitting = [item for item in self._lines.values() if payload_type in item.codecs]
            line = fitting[0] if len(fitting) == 1 else None
        if line is None:
            return None
        encoding = line.encodings.get(b"")
        if encoding is None:
            if rid is None:
                return None  # browsers name it until they have a receiver report
            encoding = line.encodings.get(rid)
        self._by_ssrc[ssrc] = encoding
        return encoding

    def _encodings(self) -> Iterator[_Encoding]:
        for line in self._lines.values():
            yield from line.encodings.values()

    # --- RTCP

    def handle_sender_report(self, report: rtcp.SenderReport, utc_us: int, now: float) -> None:
        """Maps the sender's clock to ours, with one offset for all of its tracks, so that lip sync holds."""
        encoding = self._by_ssrc.get(report.ssrc)
        track = encoding.track if encoding is not None else None
        if track is None or track.ssrc != report.ssrc or not track.publication.is_granted:
            return
        if track is track.layer.ended:
            return
        if self._ntp_offset is None:
            self._ntp_offset = ntp_from_utc_us(utc_us) - report.ntp
        track.reception.note_sender_report(report.ntp, now)
        ntp = (report.ntp + self._ntp_offset) & 0xFFFFFFFFFFFFFFFF
        track.report = ntp, report.rtp_time
        self._listener.handle_sender_report(track)

    def send_feedback(self) -> None:
        """Transport-cc, about 20 times a second while packets come."""
        for message in self._feedback.build(self._last_ssrc):
            self._transport.send_rtcp(message)

    def ask_again(self, now: float) -> None:
        for track in self.tracks:
            track.ask_again(now)

    def send_reports(self, now: float) -> None:
        """Receiver reports, once a second."""
        if not self._lines:
            return
        self._note_loss(now)
        blocks = [block for track in self.tracks if (block := track.reception.report(track.ssrc, now)) is not None]
        if blocks:
            self._transport.send_rtcp(rtcp.write_receiver_report(SENDER_SSRC, blocks))

    def _note_loss(self, now: float) -> None:
        """Where very much is lost on the way to us, viewers are shown the small picture, whose repairs are few."""
        totals = [track.reception.totals for track in self.tracks if track.layer.kind == "video"]
        loss = self._loss.note(sum(expected for expected, _ in totals), sum(gaps for _, gaps in totals), now)
        highest = self._loss_cap.update(loss, now)
        for line in self._lines.values():
            line.publication.highest = highest


def _may_change(encoding: _Encoding, track: UpTrack, ssrc: int, packet: bytes, now: float) -> bool:
    """Whether the source or its encoder has changed over, or this is a packet of the former one that comes late."""
    is_behind = track.ssrc == ssrc and distance(packet[2] << 8 | packet[3], track.reception.highest) <= 0
    return not is_behind and now - encoding.changed_at >= KEPT_S
