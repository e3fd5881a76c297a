"""One RTCPeerConnection of a client, seen from here: its transport, its sources (in) and its slots (out)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from media.control import Kind, Source
from media.publication import Publication
from media.rtp import rtcp
from media.sdp.answer import LocalParameters, SlotSources, write_answer
from media.sdp.negotiation import MAX_AUDIO_SLOTS, NegotiatedMedia, negotiate
from media.sdp.offer import Offer
from media.slot import Slot
from media.transport import Transport
from media.uplink import Uplink, UplinkListener

if TYPE_CHECKING:
    from media.environment import Environment


MAX_RESENDS_PER_S = 1000  # a fifth of nine good pictures; a client that asks for more wastes what others need


class ConnectionListener(Protocol):
    """The seat that a connection belongs to."""

    def handle_connected(self, connection: Connection) -> None: ...

    def handle_gone(self, connection: Connection) -> None: ...

    def is_current(self, connection: Connection) -> bool: ...


class Connection:
    """Answers offers and routes what the transport decrypts."""

    def __init__(self, offer: Offer, environment: Environment, seat: ConnectionListener, room: UplinkListener) -> None:
        now = environment.clock.monotonic()
        self._environment = environment
        self._seat = seat
        self._remote_ufrag = offer.ice_ufrag
        self.transport = Transport(
            offer, self, environment.demux, environment.port, environment.certificate, environment.counters, now
        )
        self.uplink = Uplink(self.transport, room)
        self.slots: list[Slot] = []
        self.is_gone = False
        self.source_mids: dict[Source, str] = {}
        self._by_ssrc: dict[int, Slot] = {}
        self._resends_left = MAX_RESENDS_PER_S
        self._resends_since = now

    def answer(self, offer: Offer, publication_of: Callable[[Source], Publication]) -> str:
        """Negotiates a first or a repeated offer. Raises MediaError before anything has changed."""
        media = negotiate(offer, self.uplink.sources)
        open_mids = {item.mid for item in media if item.is_slot}
        for slot in self.slots:
            slot.is_open = slot.mid in open_mids
            if not slot.is_open:
                _clear(slot)
        for item in media:
            if item.is_slot and not any(slot.mid == item.mid for slot in self.slots):
                self._add_slot(item)
        self.source_mids = {item.source: item.mid for item in media if item.source is not None}
        self.uplink.configure(media, publication_of)
        self.transport.answers += 1
        return write_answer(media, self._local(), self._slot_sources(), offer.bundle is not None)

    def reoffer(self, offer: Offer) -> None:
        """When the client restarts ICE, so do we: the next answer carries new credentials (RFC 8839 §4.4.3).

        Media goes on over the old path until a check with them has passed. An offer that only adds lines keeps them.
        """
        if offer.ice_ufrag != self._remote_ufrag:
            self._remote_ufrag = offer.ice_ufrag
            self.transport.renew_credentials()

    def close(self) -> None:
        self.detach_slots()
        task = self.transport.close()
        if task is not None:
            self._environment.keep(task)

    def detach_slots(self) -> None:
        for slot in self.slots:
            _clear(slot)

    # --- from the transport

    def handle_connected(self, _transport: Transport) -> None:
        self._seat.handle_connected(self)

    def handle_closed_by_peer(self, _transport: Transport) -> None:
        self.is_gone = True
        self._seat.handle_gone(self)

    def handle_moved(self, _transport: Transport) -> None:
        """The client's address changed: prepared messages must follow."""
        for slot in self.slots:
            if slot.cohort is not None:
                slot.cohort.readdress(slot)

    def handle_rtp(self, _transport: Transport, packet: bytes, now: float) -> None:
        if self._seat.is_current(self):
            self.uplink.receive(packet, now)

    def handle_rtcp(self, transport: Transport, packet: bytes, now: float) -> None:
        if not self._seat.is_current(self):
            return
        transport.counters["rtcp_in"] += 1
        for part in rtcp.parts(packet):
            if part.type == rtcp.SR:
                report = rtcp.read_sender_report(packet, part)
                self.uplink.handle_sender_report(report, self._environment.clock.utc_us(), now)
            elif part.type == rtcp.RTPFB and part.format == rtcp.FMT_NACK:
                self._handle_nack(packet, part, now)
            elif part.type == rtcp.PSFB:
                self._handle_keyframe_request(packet, part, now)

    def _handle_nack(self, packet: bytes, part: rtcp.Part, now: float) -> None:
        slot = self._by_ssrc.get(rtcp.read_media_ssrc(packet, part))
        if slot is None:
            return
        counters = self.transport.counters
        counters["nack_in"] += 1
        if now - self._resends_since >= 1:
            self._resends_left, self._resends_since = MAX_RESENDS_PER_S, now
        wanted = rtcp.read_nack(packet, part)
        allowed = wanted[: self._resends_left]
        self._resends_left -= len(allowed)
        counters["drop_resend_rate"] += len(wanted) - len(allowed)
        sent, missing = slot.resend(allowed)
        counters["resent"] += sent
        counters["resend_missing"] += missing

    def _handle_keyframe_request(self, packet: bytes, part: rtcp.Part, now: float) -> None:
        if part.format == rtcp.FMT_PLI:
            wanted = [rtcp.read_media_ssrc(packet, part)]
        elif part.format == rtcp.FMT_FIR:
            wanted = rtcp.read_fir_ssrcs(packet, part)
        else:
            return
        for ssrc in wanted:
            slot = self._by_ssrc.get(ssrc)
            if slot is not None and slot.publication is not None:
                self.transport.counters["pli_in"] += 1
                if slot.keyframe_wishes.take(now):
                    slot.request_keyframe(now)
                else:
                    self.transport.counters["drop_pli_rate"] += 1

    # --- the answer

    def _add_slot(self, item: NegotiatedMedia) -> None:
        index = sum(slot.kind == item.media_kind for slot in self.slots)
        # The same SSRC for the same place of everyone: that is what lets viewers share one header.
        base = self._environment.ssrc_base + (index if item.kind == "audio" else MAX_AUDIO_SLOTS + index)
        slot = Slot(self.transport, item.mid, item.media_kind, item.codecs, base, base + 0x100)
        self.slots.append(slot)
        self._by_ssrc[slot.ssrc] = slot

    def _slot_sources(self) -> dict[str, SlotSources]:
        return {slot.mid: SlotSources(slot.ssrc, slot.rtx_ssrc) for slot in self.slots}

    def _local(self) -> LocalParameters:
        transport = self.transport
        return LocalParameters(
            transport.ice_ufrag,
            transport.ice_pwd,
            self._environment.certificate.fingerprint,
            "active" if transport.role == "client" else "passive",
            self._environment.candidates,
            transport.session_id,
            transport.answers,
            self._environment.tcp_candidates,
        )

    def slots_of(self, kind: Kind) -> Iterator[Slot]:
        return (slot for slot in self.slots if slot.kind == kind and slot.is_open)


def _clear(slot: Slot) -> None:
    if slot.publication is not None:
        slot.publication.detach(slot)
    slot.wanted_id = None
