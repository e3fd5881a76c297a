"""A track that another worker receives: it comes whole and in order, so there is nothing to ask for but keyframes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from media.links import wire
from media.sdp.negotiation import NegotiatedCodec
from media.track import Track

if TYPE_CHECKING:
    from media.layer import Layer


class LinkedTrack(Track):
    """``ask_keyframe`` passes the wish on to the worker that has the client."""

    __slots__ = ("_ask_keyframe",)

    def __init__(self, layer: Layer, origin: object, info: wire.LinkedTrack, ask_keyframe: Callable[[], None]) -> None:
        codec = NegotiatedCodec(
            info.codec, info.payload_type, info.clock_rate, 0, "", (), red_payload_type=info.red_payload_type
        )
        super().__init__(layer, origin, 0, codec)
        self._ask_keyframe = ask_keyframe

    def receive(self, packet: bytes, is_keyframe: bool, now: float) -> None:
        """One packet as the other worker's layer took it: without extensions, no number twice."""
        sequence = packet[2] << 8 | packet[3]
        self.reception.receive(sequence, int.from_bytes(packet[4:8], "big"), now)
        self.cache.put(sequence, packet)
        if is_keyframe:
            self.note_height(packet)
        self.layer.accept(packet, is_keyframe, now)

    def send_pli(self, now: float) -> None:  # noqa: ARG002 - its worker repeats it
        self._ask_keyframe()
