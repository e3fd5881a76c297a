"""Receives one encoding of a publication: order, loss, cache, keyframes. Hands stripped packets to its layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.rtp import h264, vp8
from media.rtp.header import FIXED_SIZE, strip
from media.rtp.nack import MAX_WAIT_S, REPEAT_S, NackList
from media.rtp.packet_cache import CAPACITY, PacketCache
from media.rtp.reception import Reception
from media.rtp.rtcp import write_nack, write_pli
from media.rtp.sequence import distance
from media.sdp.negotiation import NegotiatedCodec
from media.track import Track

if TYPE_CHECKING:
    from media.layer import Layer
    from media.transport import Transport

NEVER = float("inf")
SENDER_SSRC = 1  # of our RTCP; nobody but us sends with it
MAX_LATE = CAPACITY - 24  # sequence numbers behind the newest; what is later the cache cannot vouch for
MAX_STALE = 50
MAX_AHEAD = 3000  # RFC 3550 appendix A.1; beyond it is another source, since cohorts can order half the range only
RESTART_S = 1.0  # every restart moves all viewers: more of them is an attack
SOUND_USEFUL_S = 0.8  # listeners wait no longer for it (web: rtc/playout.ts)
MAX_PACKET = 1400  # what still fits a datagram with an SRTP tag and an RTX header


class UpTrack(Track):
    """One SSRC with one codec, from a client of this worker."""

    __slots__ = ("_key_timestamp", "_nacks", "_pli_again_at", "_repeats", "_restarted_at", "_stale", "transport")

    def __init__(self, layer: Layer, transport: Transport, ssrc: int, codec: NegotiatedCodec) -> None:
        super().__init__(layer, transport, ssrc, codec)
        self.transport = transport
        self._key_timestamp = -1
        self._stale = 0
        self._restarted_at = float("-inf")
        # Who numbers packets for feedback is taken for libwebrtc, which sends a packet once in a round trip and one
        # keyframe in 300 ms, however often it is asked.
        self._repeats = "transport-cc" in codec.feedback
        self._pli_again_at = NEVER
        self._nacks = self._nack_list()

    def receive(self, packet: bytes, offset: int, now: float, recovered: bool) -> bool:
        """One packet, in any order; False for one that was not used (a resend that was not needed, or too big)."""
        sequence = packet[2] << 8 | packet[3]
        if len(packet) > MAX_PACKET or not self._is_new(sequence, now, recovered):
            return False
        if not recovered:
            self.reception.receive(sequence, int.from_bytes(packet[4:8], "big"), now)
        stripped = strip(packet, offset)
        self.cache.put(sequence, stripped)
        is_keyframe = self._is_keyframe(stripped)
        if is_keyframe:
            self._pli_again_at = NEVER
            self.note_height(stripped)
        nacks = self._nacks
        if nacks is not None:
            nacks.receive(sequence, now)
            if is_keyframe:
                nacks.forget_before(sequence)
            if nacks:
                self.ask_again(now)
        self.layer.accept(stripped, is_keyframe, now)
        return True

    def _is_new(self, sequence: int, now: float, recovered: bool) -> bool:
        """Whether this number was surely never forwarded: viewers' nonces must not be used twice (RFC 7714 §8.2).

        SRTP's replay window guards the packets themselves, but not what a publisher wraps into a resend.
        """
        if self.cache.get(sequence) is not None:
            return False
        ahead = distance(sequence, self.reception.highest) if self.reception.highest >= 0 else 1
        if recovered:
            return -MAX_LATE < ahead < 0
        if ahead > MAX_AHEAD:
            return self._restart(now)
        if ahead > -MAX_LATE:
            self._stale = 0
            return True
        self._stale += 1
        if self._stale > MAX_STALE:
            return self._restart(now)
        return False

    def _restart(self, now: float) -> bool:
        """The sender's numbers jumped for good: for viewers this is another source. False while it is too early."""
        if now - self._restarted_at < RESTART_S:
            return False
        self._restarted_at = now
        self._stale = 0
        self.cache = PacketCache()
        self.reception = Reception(self.codec.clock_rate)
        self._nacks = self._nack_list()
        self.report = None
        self.layer.restart(self)
        return True

    def _nack_list(self) -> NackList | None:
        if "nack" not in self.codec.feedback:
            return None
        return NackList(SOUND_USEFUL_S if self.layer.kind == "audio" else MAX_WAIT_S, repeats=self._repeats)

    def ask_again(self, now: float) -> None:
        """Requests that are due, for packets or a keyframe, but for no packet of a layer that has stopped.

        On a path that became narrow, repairs of what nobody waits for would go before the layers that are still sent.
        """
        if now >= self._pli_again_at:
            self._pli_again_at = NEVER
            self._write_pli()
        nacks = self._nacks
        if nacks is None or (self.layer.kind == "video" and not self.layer.is_flowing):
            return
        missing = nacks.due(now)
        if missing:
            self.transport.counters["nack_out"] += len(missing)
            self.transport.send_rtcp(write_nack(SENDER_SSRC, self.ssrc, missing))
        if nacks.needs_keyframe:
            nacks.needs_keyframe = False
            self.layer.request_keyframe(now)

    def send_pli(self, now: float) -> None:
        self._write_pli()
        if self._repeats:
            self._pli_again_at = now + REPEAT_S

    def _write_pli(self) -> None:
        self.transport.send_rtcp(write_pli(SENDER_SSRC, self.ssrc))
        self.transport.counters["pli_out"] += 1

    def _is_keyframe(self, packet: bytes) -> bool:
        """Whether a decoder can begin here. Behind its parameter set an IDR picture is no second beginning."""
        name = self.codec.name
        if name == "VP8":
            return vp8.parse(packet, FIXED_SIZE).keyframe_start
        if name != "H264":
            return False
        has_parameters = h264.carries_parameters(packet, FIXED_SIZE)
        if not has_parameters and not h264.starts_idr(packet, FIXED_SIZE):
            return False
        timestamp = int.from_bytes(packet[4:8], "big")
        is_first = has_parameters or timestamp != self._key_timestamp
        self._key_timestamp = timestamp
        return is_first
