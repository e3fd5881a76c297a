"""A forwarder on a real socket, with publishers and viewers around it."""

from __future__ import annotations

import random
import socket
from types import SimpleNamespace
from typing import Any

from pylibsrtp import Policy, Session

from media.control import Source
from media.forwarding import Forwarder
from media.layer import Layer
from media.publication import Publication
from media.sdp.negotiation import NegotiatedCodec
from media.slot import Slot
from media.stats import Counters
from media.udp import DatagramPort
from media.uptrack import UpTrack
from tests.unit.media.conftest import FrozenClock, rtp

H264 = NegotiatedCodec("H264", 108, 90000, 1, "", ("nack", "nack pli"), 109)
VP8 = NegotiatedCodec("VP8", 96, 90000, 1, "", ("nack", "nack pli"), 97)
OPUS = NegotiatedCodec("opus", 111, 48000, 2, "", ())
KEY, DELTA = b"\x67sps", b"\x41delta"


class Viewer:
    """A real socket and SRTP session that stand for one client."""

    def __init__(self, counters: Counters) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        key = random.randbytes(28)
        self.key = key
        self.outbound = _session(key, Policy.SSRC_ANY_OUTBOUND)
        self._inbound = _session(key, Policy.SSRC_ANY_INBOUND)
        self.resent: list[bytes] = []
        self.transport: Any = SimpleNamespace(
            tx=self.outbound._srtp[0],
            address=self.socket.getsockname(),
            tag_size=16,
            is_connected=True,
            counters=counters,
            send_rtp=self.resent.append,
            send_rtcp=lambda _packet: None,
        )

    def slot(self, kind: Any = "video", codecs: tuple[NegotiatedCodec, ...] = (H264, VP8)) -> Slot:
        return Slot(self.transport, "7", kind, codecs, 500, 600)

    def receive(self, count: int, rtcp: bool = False) -> list[bytes]:
        unprotect = self._inbound.unprotect_rtcp if rtcp else self._inbound.unprotect
        return [unprotect(self.socket.recv(2048)) for _ in range(count)]

    def is_silent(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(2048)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(2)
        return False


def _session(key: bytes, direction: int) -> Session:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    policy.allow_repeat_tx = True
    policy.window_size = 128
    return Session(policy)


class Stage:
    """A forwarder with its socket, and publishers and viewers around it."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.counters = Counters()
        self.port = DatagramPort("127.0.0.1", 0, self.clock, self.counters)
        self.forwarder = Forwarder(self.port, self.clock, self.counters)
        self.plis: list[bytes] = []
        self.viewers: list[Viewer] = []

    def publication(
        self, name: str, codec: NegotiatedCodec, source: Source = "camera", rids: tuple[str, ...] = ("",)
    ) -> Publication:
        made = Publication(name, source, self.forwarder)
        made.prepare(rids)
        for layer in range(len(rids)):
            self.track(made, codec, 1 + layer, layer)
        return made

    def track(self, publication: Publication, codec: NegotiatedCodec, ssrc: int, layer: int = 0) -> UpTrack:
        transport: Any = SimpleNamespace(send_rtcp=self.plis.append, counters=self.counters)
        track = UpTrack(publication.layers[layer], transport, ssrc, codec)
        publication.set_track(publication.layers, track, self.clock.now)
        return track

    def attach_track(
        self, publication: Publication, layers: tuple[Layer, ...], codec: NegotiatedCodec, ssrc: int
    ) -> UpTrack:
        """Of another connection, with layers of its own."""
        transport: Any = SimpleNamespace(send_rtcp=self.plis.append, counters=self.counters)
        track = UpTrack(layers[0], transport, ssrc, codec)
        publication.set_track(layers, track, self.clock.now)
        return track

    def viewer(self) -> Viewer:
        self.viewers.append(Viewer(self.counters))
        return self.viewers[-1]

    def feed(self, publication: Publication, *packets: bytes, layer: int = 0) -> None:
        """One drain of the socket."""
        track = up_track(publication, layer)
        for packet in packets:
            track.receive(packet, 12, self.clock.now, False)
        self.forwarder.flush()

    def attach(self, publication: Publication, slot: Slot) -> Slot:
        publication.attach(slot, self.clock.now)
        return slot


def up_track(publication: Publication, layer: int = 0) -> UpTrack:
    found = publication.layers[layer].track
    assert isinstance(found, UpTrack)
    return found


def numbers(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(packet[2:4], "big") for packet in packets]


def timestamps(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(packet[4:8], "big") for packet in packets]


def video(sequence: int, payload: bytes = DELTA) -> bytes:
    return rtp(sequence, sequence * 3000, 1, payload, 100)
