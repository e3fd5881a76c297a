"""A slot (down track): one m-line on which a viewer receives, with constant SSRCs whatever it carries.

``target`` is the layer that is asked for, ``layer`` the one that is sent now, ``awaited`` the one that takes over with
its next keyframe: the target, or what flows in its stead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from media.chunk import Chunk
from media.cohort import Cohort
from media.continuity import RESTED_S, History, Numbering
from media.control import Kind, SlotInfo
from media.layer_choice import choose
from media.limits import Allowance
from media.rtp.header import wrap_rtx
from media.rtp.sequence import distance
from media.sdp.negotiation import NegotiatedCodec

if TYPE_CHECKING:
    from media.bwe.send_history import SendHistory
    from media.layer import Layer
    from media.publication import Publication
    from media.transport import Transport

KEYFRAMES_PER_S = 2  # that a viewer may ask of one slot
NO_LIMIT = 99


class Slot:
    """Points at most at one publication; a member of at most one cohort, waiting for at most one layer."""

    __slots__ = (
        "_rtx_sequence",
        "awaited",
        "chunk",
        "codecs",
        "cohort",
        "first_sequence",
        "height_px",
        "history",
        "history_ntp",
        "is_lean",
        "is_open",
        "is_paused",
        "keyframe_wishes",
        "kind",
        "layer",
        "limit",
        "mid",
        "number_id",
        "numbering",
        "offered_number_id",
        "publication",
        "rank",
        "resumed_from",
        "rtx_ssrc",
        "send_history",
        "ssrc",
        "target",
        "transport",
        "wanted_id",
    )

    def __init__(
        self, transport: Transport, mid: str, kind: Kind, codecs: tuple[NegotiatedCodec, ...], ssrc: int, rtx_ssrc: int
    ) -> None:
        self.transport = transport
        self.mid = mid
        self.kind = kind
        self.codecs = {codec.name: codec for codec in codecs}
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.wanted_id: str | None = None
        self.height_px = 0  # of the picture on the viewer's screen; 0: as large as it comes
        self.publication: Publication | None = None
        self.target: Layer | None = None
        self.layer: Layer | None = None
        self.awaited: Layer | None = None
        self.cohort: Cohort | None = None
        self.chunk: Chunk | None = None
        self.history: History | None = None
        self.history_ntp: int | None = None  # when the last picture in the history left its sender
        self.numbering = Numbering(0, 0)  # while it is in a cohort
        self.first_sequence = 0  # of the source: what came before was not sent, or with other numbers
        self.resumed_from: int | None = None  # the viewer's number with which it went on, until a report tells of it
        self.rank = 0  # among the pictures of its viewer: 0 is the stage
        self.limit = NO_LIMIT  # the highest of the publication's layers that the viewer's budget allows
        self.is_lean = False  # sound without redundancy: the path is too narrow for both
        self.is_paused = False  # wanted, but left out for want of bandwidth
        self.offered_number_id = 0  # of the header extension for transport-wide numbers; 0: the client takes none
        self.number_id = 0  # the same while the viewer's path is being measured, else 0
        self.send_history: SendHistory | None = None
        self.is_open = True  # False while the client's last offer does not receive on it
        self.keyframe_wishes = Allowance(KEYFRAMES_PER_S, KEYFRAMES_PER_S)
        self._rtx_sequence = 0  # below 32768: a wrap before the first arrival would break the rollover counter

    @property
    def info(self) -> SlotInfo:
        is_video = self.kind == "video"
        return SlotInfo(
            mid=self.mid,
            kind=self.kind,
            publication_id=self.wanted_id if is_video else None,
            paused=is_video and self.is_paused and self.wanted_id is not None,
        )

    def reconsider(self, now: float) -> None:
        """Chooses the layer anew: the publication, the heights of its layers or the wish have changed."""
        self.choose()
        self._ask(now)

    def choose(self) -> None:
        layers = self.publication.layers if self.publication is not None and not self.is_paused else ()
        self.target = layers[min(self.ideal(layers), self.limit)] if layers else None
        self.settle()

    def ideal(self, layers: Sequence[Layer]) -> int:
        """Index of the layer that would fill the picture."""
        return choose([layer.height for layer in layers], self.height_px)

    def set_lean(self, is_lean: bool) -> None:
        if is_lean is not self.is_lean:
            self.is_lean = is_lean
            if self.layer is not None:
                self.layer.reform(self)

    def settle(self) -> None:
        """Moves towards the target as far as layers flow. Whoever calls sees to the keyframe."""
        goal = None
        if self.publication is not None:
            self.publication.has_new_interest = True
            goal = self.publication.nearest(self.target) if self.target is not None else None
        if self.awaited is not None and self.awaited is not goal:
            self.awaited.forget(self)
        if goal is None:
            if self.layer is not None:
                self.layer.leave(self)
        elif goal is self.layer:
            if self.awaited is not None:
                self.awaited.forget(self)
        elif self.awaited is None:
            goal.wait(self)

    def request_keyframe(self, now: float) -> None:
        """The viewer's decoder cannot go on, or it has not begun."""
        layer = self.layer or self.awaited
        if layer is not None:
            layer.request_keyframe(now)

    def resend(self, sequences: list[int]) -> tuple[int, int]:
        """Answers a NACK from the layer's cache; how many were sent and how many were not there."""
        cohort, layer = self.cohort, self.layer
        if cohort is None or layer is None or layer.track is None:
            return 0, len(sequences)
        sent = 0
        cache = layer.track.cache
        codec = self.codecs.get(cohort.key.codec)  # none for redundant sound, which has no RTX
        for sequence in sequences:
            source = (sequence - self.numbering.sequence) & 0xFFFF
            # What is not sent yet may still be numbered otherwise, if the slot leaves before.
            is_sent = distance(source, self.first_sequence) >= 0 >= distance(source, cohort.last_sequence)
            packet = cache.get(source) if is_sent else None
            rewritten = cohort.rewrite(packet, self.numbering) if packet is not None else None
            if rewritten is None:
                continue
            if codec is not None and codec.rtx_payload_type is not None:
                rewritten = wrap_rtx(rewritten, codec.rtx_payload_type, self.rtx_ssrc, self.next_rtx_sequence())
            self.transport.send_rtp(rewritten)
            sent += 1
        return sent, len(sequences) - sent

    def has_rested(self, now: float) -> bool:
        """Whether its last packet is so long ago that whoever reports has told of what came before."""
        return self.history is not None and now - self.history.at > RESTED_S

    def handle_resumed(self) -> None:
        """It goes on after a rest."""
        self.resumed_from = (self.first_sequence + self.numbering.sequence) & 0xFFFF

    def take_report(self, highest: int) -> bool:
        """Whether a report up to this number tells of what is sent now alone.

        What was lost last before a rest is missed only when the next packets have come, be it a minute later: the first
        report of those tells of both.
        """
        if self.resumed_from is None:
            return True
        if distance(highest & 0xFFFF, self.resumed_from) >= 0:
            self.resumed_from = None
        return False

    def next_rtx_sequence(self) -> int:
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        return self._rtx_sequence

    def _ask(self, now: float) -> None:
        awaited = self.awaited
        if awaited is not None and self.transport.is_connected and awaited.codec in self.codecs:
            awaited.request_keyframe(now)
