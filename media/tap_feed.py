"""What of a room's publications the recorders get: of each one stream, the highest layer that flows.

Another layer takes over at its keyframe, as a track of its own. A publication that rests keeps its track.
"""

from __future__ import annotations

from collections.abc import Iterable

from media.clock import Clock
from media.layer import Layer
from media.publication import Publication
from media.rtp import red
from media.rtp.header import payload_offset
from media.rtp.sequence import distance
from media.tap_ring import TapRing
from media.track import Track


class TapFeed:
    """Between the room's uplinks and its ring."""

    def __init__(self, ring: TapRing, clock: Clock) -> None:
        self._ring = ring
        self._now = clock.monotonic

    def handle_packet(self, track: Track, packet: bytes) -> None:
        """Of redundant sound the recorder gets what is new; it has asked for what was lost."""
        codec = track.codec
        if packet[1] & 0x7F == codec.red_payload_type:
            single = red.primary(packet, payload_offset(packet), codec.payload_type)
            if single is None:
                return
            packet = single
        publication = track.publication
        if track is not publication.followed:
            if not _takes_over(track, publication):
                return
            self._follow(track)
            self._ring.append_rtp(track.number, packet)
            self._append_rest(track, packet)
        else:
            self._ring.append_rtp(track.number, packet)

    def handle_sender_report(self, track: Track) -> None:
        track.reported_at = self._now()
        if track is track.publication.followed and track.report is not None:
            self._ring.append_sender_report(track.number, *track.report)

    def end(self, publication: Publication) -> None:
        """It is withdrawn, or its seat is free."""
        followed, publication.followed = publication.followed, None
        if followed is not None:
            self._ring.remove_track(followed.number)

    def request_keyframe(self, publications: Iterable[Publication], number: int, now: float) -> None:
        """A recorder's wish; of a track that has ended nothing is wanted any more."""
        for publication in publications:
            followed = publication.followed
            if followed is not None and followed.number == number:
                followed.layer.request_keyframe(now)

    def ask_for_change(self, publication: Publication, now: float) -> None:
        """The layer that shall take over begins with a keyframe."""
        followed = publication.followed
        if followed is None or not self._ring.has_listeners:
            return
        best = _best(publication)
        if best is not None and best is not followed.layer:
            best.request_keyframe(now)

    def _follow(self, track: Track) -> None:
        track.publication.followed = track
        track.number = self._ring.add_track(track)
        report = track.report_at(self._now())
        if report is not None:  # the recorder's clock for it holds from the first picture on
            self._ring.append_sender_report(track.number, *report)

    def _append_rest(self, track: Track, packet: bytes) -> None:
        """A keyframe's beginning that came as a resend: what follows it was here before."""
        sequence = packet[2] << 8 | packet[3]
        for ahead in range(1, distance(track.reception.highest, sequence) + 1):
            following = track.cache.get((sequence + ahead) & 0xFFFF)
            if following is not None:
                self._ring.append_rtp(track.number, following)


def _takes_over(track: Track, publication: Publication) -> bool:
    followed = publication.followed
    if followed is None or followed.layer is track.layer or followed.layer not in publication.layers:
        return True
    return track.layer.is_at_keyframe and track.layer is _best(publication)


def _best(publication: Publication) -> Layer | None:
    return next((layer for layer in reversed(publication.layers) if layer.is_flowing), None)
