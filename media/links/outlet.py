"""The serving end of a link: what this worker receives of a room, for another worker that has viewers in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from media.links import wire

if TYPE_CHECKING:
    from media.layer import Layer
    from media.publication import Publication
    from media.track import Track


class Outlet:
    """Sound goes out always, pictures by layers as the other end asks. ``write`` takes frames and does not wait."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._publications: dict[str, Publication] = {}
        self._layers: dict[str, tuple[Layer, ...]] = {}  # as they were announced
        self._numbers: dict[Track, int] = {}
        self._last_number = 0

    def handle_flow(self, publication: Publication) -> None:
        """It sends from now on, or does not any more. What came over another link is not passed on."""
        if publication.link is not None:
            return
        if publication.is_flowing:
            self._publications[publication.id] = publication
            self._announce(publication)
        elif self._publications.pop(publication.id, None) is not None:
            self._release(publication)
            self._write(wire.event_frame(wire.LinkEvent(event="gone", publication_id=publication.id)))

    def handle_track(self, track: Track) -> None:
        """A layer has begun, begun anew or changed its codec."""
        publication = track.publication
        if self._publications.get(publication.id) is not publication:
            return
        if self._layers[publication.id] is not publication.layers:  # its client came back with simulcast or without
            self._release(publication)
            self._announce(publication)
        else:
            self._number(track)

    def send(self, layer: Layer, packet: bytes, is_keyframe: bool) -> None:
        """One packet of a layer that is asked for."""
        track = layer.track
        number = self._numbers.get(track) if track is not None else None
        if number is not None:
            self._write(wire.packet_frame(number, packet, is_keyframe))

    def send_level(self, track: Track, level: int) -> None:
        number = self._numbers.get(track)
        if number is not None:
            self._write(wire.frame(wire.AUDIO_LEVEL, wire.LEVEL.pack(number, level)))

    def send_report(self, track: Track) -> None:
        number = self._numbers.get(track)
        if number is not None and track.report is not None:
            self._write(wire.frame(wire.SR, wire.REPORT.pack(number, *track.report)))

    def request(self, request: wire.LinkRequest, now: float) -> None:
        """What the other end's viewers need. Of a publication that has gone it is too late to ask."""
        publication = self._publications.get(request.publication_id)
        if publication is None or publication.kind == "audio":
            return
        for layer in publication.layers:
            is_asked = layer.rid in request.rids
            if request.op == "layers":
                self._set_open(layer, is_asked)
            elif is_asked:
                layer.request_keyframe(now)
        publication.has_new_interest = True

    def close(self) -> None:
        for publication in self._publications.values():
            self._release(publication)
        self._publications.clear()

    # --- private

    def _announce(self, publication: Publication) -> None:
        self._layers[publication.id] = publication.layers
        about = wire.LinkedPublication(
            publication_id=publication.id,
            participant_id=publication.participant_id,
            source=publication.source,
            kind=publication.kind,
            rids=tuple(layer.rid for layer in publication.layers),
            sendable=tuple(sorted(publication.sendable)),
        )
        self._write(wire.event_frame(wire.LinkEvent(event="publication", publication=about)))
        for layer in publication.layers:
            if publication.kind == "audio":
                self._set_open(layer, True)
            if layer.track is not None and layer.track is not layer.ended:
                self._number(layer.track)

    def _number(self, track: Track) -> None:
        self._numbers = {one: number for one, number in self._numbers.items() if one.layer is not track.layer}
        self._last_number = self._last_number % 0xFFFF + 1
        self._numbers[track] = self._last_number
        about = wire.LinkedTrack(
            number=self._last_number,
            publication_id=track.publication.id,
            rid=track.layer.rid,
            codec=track.codec.name,
            clock_rate=track.codec.clock_rate,
            payload_type=track.codec.payload_type,
            red_payload_type=track.codec.red_payload_type,
        )
        self._write(wire.event_frame(wire.LinkEvent(event="track", track=about)))
        if track.report is not None:
            self.send_report(track)

    def _set_open(self, layer: Layer, is_open: bool) -> None:
        if is_open and self not in layer.outlets:
            layer.outlets = (*layer.outlets, self)
        elif not is_open and self in layer.outlets:
            layer.outlets = tuple(outlet for outlet in layer.outlets if outlet is not self)

    def _release(self, publication: Publication) -> None:
        for layer in self._layers.pop(publication.id):
            self._set_open(layer, False)
        self._numbers = {
            track: number for track, number in self._numbers.items() if track.publication is not publication
        }
