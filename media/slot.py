"""A slot (down track): one m-line on which a viewer receives, with constant SSRCs whatever it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.cohort import Chunk, Cohort, History
from media.control import Kind, SlotInfo
from media.rtp.header import wrap_rtx
from media.rtp.sequence import distance
from media.sdp.negotiation import NegotiatedCodec

if TYPE_CHECKING:
    from media.publication import Publication
    from media.transport import Transport


class Slot:
    """Points at most at one publication; a member of at most one cohort."""

    __slots__ = (
        "_rtx_sequence",
        "chunk",
        "codecs",
        "cohort",
        "first_sequence",
        "history",
        "is_open",
        "kind",
        "mid",
        "publication",
        "rtx_ssrc",
        "ssrc",
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
        self.publication: Publication | None = None
        self.cohort: Cohort | None = None
        self.chunk: Chunk | None = None
        self.history: History | None = None
        self.first_sequence = 0
        self.is_open = True  # False while the client's last offer does not receive on it
        self._rtx_sequence = 1  # below 32768: a wrap before the first arrival would break the rollover counter

    @property
    def info(self) -> SlotInfo:
        return SlotInfo(mid=self.mid, kind=self.kind, publication_id=self.wanted_id if self.kind == "video" else None)

    def resend(self, sequences: list[int]) -> tuple[int, int]:
        """Answers a NACK from the publication's cache; how many were sent and how many were not there."""
        cohort, publication = self.cohort, self.publication
        if cohort is None or publication is None or publication.track is None:
            return 0, len(sequences)
        sent = 0
        cache = publication.track.cache
        codec = self.codecs[cohort.key.codec]
        for sequence in sequences:
            source = (sequence - cohort.key.sequence_delta) & 0xFFFF
            packet = cache.get(source) if distance(source, self.first_sequence) >= 0 else None
            rewritten = cohort.rewrite(packet) if packet is not None else None
            if rewritten is None:
                continue
            if codec.rtx_payload_type is not None:
                rewritten = wrap_rtx(rewritten, codec.rtx_payload_type, self.rtx_ssrc, self._rtx_sequence)
                self._rtx_sequence += 1
            self.transport.send_rtp(rewritten)
            sent += 1
        return sent, len(sequences) - sent
