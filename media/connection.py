"""One RTCPeerConnection of a client, seen from here: its transport, its sources (in) and its slots (out)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from media.bwe.send_history import SendHistory
from media.control import Kind, Source
from media.downlink import Downlink
from media.errors import MediaError
from media.publication import Publication
from media.rtp import rtcp
from media.sdp.answer import LocalParameters, SlotSources, write_answer
from media.sdp.negotiation import negotiate
from media.sdp.offer import Offer
from media.slot import Slot
from media.transport import Transport
from media.uplink import Uplink, UplinkListener

if TYPE_CHECKING:
    from media.environment import Environment


MAX_LINES = 64  # that a connection ever had; those that a client takes back are kept, closed


class ConnectionListener(Protocol):
    """The seat that a connection belongs to."""

    def handle_connected(self, connection: Connection) -> None: ...

    def handle_gone(self, connection: Connection) -> None: ...

    def is_current(self, connection: Connection) -> bool: ...


class Connection:
    """Answers offers and routes what the transport decrypts."""

    def __init__(
        self,
        offer: Offer,
        environment: Environment,
        seat: ConnectionListener,
        room: UplinkListener,
        history: SendHistory,
    ) -> None:
        now = environment.clock.monotonic()
        self._environment = environment
        self._seat = seat
        self._remote_ufrag = offer.ice_ufrag
        self.transport = Transport(
            offer, self, environment.demux, environment.port, environment.certificate, environment.counters, now
        )
        self.uplink = Uplink(self.transport, room)
        self.downlink = Downlink(self.transport, environment, history)
        self.is_gone = False
        self.source_mids: dict[Source, str] = {}

    def answer(self, offer: Offer, publication_of: Callable[[Source], Publication]) -> str:
        """Negotiates a first or a repeated offer. Raises MediaError before anything has changed."""
        media = negotiate(offer, self.uplink.sources)
        used = {item.mid for item in media if item.is_slot or item.source is not None}
        if len(used | self.uplink.sources.keys() | {slot.mid for slot in self.slots}) > MAX_LINES:
            raise MediaError.bad_sdp("the connection has had too many lines")
        self.downlink.configure(media)
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
            self.transport.ice.restart(offer)

    def close(self) -> None:
        self.detach_slots()
        task = self.transport.close()
        if task is not None:
            self._environment.keep(task)

    @property
    def slots(self) -> list[Slot]:
        return self.downlink.slots

    def detach_slots(self) -> None:
        self.downlink.close()

    # --- from the transport

    def handle_connected(self, _transport: Transport) -> None:
        self._seat.handle_connected(self)

    def handle_closed_by_peer(self, _transport: Transport) -> None:
        self.is_gone = True
        self._seat.handle_gone(self)

    def handle_moved(self, _transport: Transport) -> None:
        """What was on its way both ways is lost: pictures go on at once where keyframes come, not when resends fail."""
        self.downlink.handle_moved()
        now = self._environment.clock.monotonic()
        for track in self.uplink.tracks:
            track.layer.request_keyframe(now)
        for slot in self.slots:
            slot.request_keyframe(now)

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
                self.downlink.handle_reports(packet, part, now)
            elif part.type == rtcp.RR:
                self.downlink.handle_reports(packet, part, now)
            elif part.type == rtcp.RTPFB and part.format == rtcp.FMT_NACK:
                self.downlink.handle_nack(packet, part, now)
            elif part.type == rtcp.RTPFB and part.format == rtcp.FMT_TRANSPORT_CC:
                self.downlink.handle_feedback(packet, part, now)
            elif part.type == rtcp.PSFB:
                self.downlink.handle_keyframe_request(packet, part, now)

    # --- the answer

    def _slot_sources(self) -> dict[str, SlotSources]:
        return {slot.mid: SlotSources(slot.ssrc, slot.rtx_ssrc) for slot in self.slots}

    def _local(self) -> LocalParameters:
        transport = self.transport
        return LocalParameters(
            transport.ice.ufrag,
            transport.ice.password,
            self._environment.certificate.fingerprint,
            "active" if transport.role == "client" else "passive",
            self._environment.candidates,
            transport.session_id,
            transport.answers,
            self._environment.tcp_candidates,
        )

    def slots_of(self, kind: Kind) -> Iterator[Slot]:
        return (slot for slot in self.slots if slot.kind == kind and slot.is_open)
