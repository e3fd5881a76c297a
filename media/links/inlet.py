"""The receiving end of a link: another worker's publications of a room, as if their clients were here."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from media.clock import Clock
from media.links import wire
from media.links.track import LinkedTrack
from media.listening import dial
from media.publication import Publication
from media.stats import Counters
from media.track import Track

if TYPE_CHECKING:
    from media.forwarding import Forwarder

logger = logging.getLogger(__name__)
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)
READ_BYTES = 1 << 16


class LinkListener(Protocol):
    """What a room hears of another worker's part of it."""

    def handle_publication(self, publication: Publication) -> None: ...

    def handle_gone(self, publication: Publication) -> None: ...

    def handle_track(self, track: Track) -> None: ...

    def handle_packet(self, track: Track, packet: bytes) -> None: ...

    def handle_level(self, track: Track, level: int, now: float) -> None: ...

    def handle_sender_report(self, track: Track) -> None: ...


class Inlet:
    """Dials one worker and stays connected until it is closed; what came over it is gone when the connection is."""

    def __init__(
        self,
        address: str,
        hello: wire.LinkHello,
        room: LinkListener,
        forwarder: Forwarder,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._address = address
        self._hello = hello
        self._room = room
        self._forwarder = forwarder
        self._clock = clock
        self._counters = counters
        self._publications: dict[str, Publication] = {}
        self._tracks: dict[int, LinkedTrack] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._has_heard = False  # anything over this connection
        self._task = asyncio.create_task(self._run())
        self._handlers: dict[int, Callable[[bytes], None]] = {
            wire.RTP: self._take_packet,
            wire.SR: self._take_report,
            wire.AUDIO_LEVEL: self._take_level,
            wire.EVENT: self._take_event,
        }

    def ask_layers(self, publication_id: str, rids: tuple[str, ...]) -> None:
        """These layers are looked at here."""
        self._ask(wire.LinkRequest(op="layers", publication_id=publication_id, rids=rids))

    def find(self, publication_id: str) -> Publication | None:
        return self._publications.get(publication_id)

    def close(self) -> asyncio.Task[None]:
        """The task that ends with it."""
        self._task.cancel()
        self._drop_all()
        return self._task

    # --- connection

    async def _run(self) -> None:
        attempt = 0
        while True:
            self._has_heard = False
            try:
                await self._serve()
            except (OSError, ValueError, struct.error) as error:
                logger.info("link to %s: %s", self._address, error)
            except Exception:  # whatever came over it, the next connection may be well
                logger.exception("link to %s broke", self._address)
            finally:
                self._hang_up()
            self._counters["link_lost"] += 1
            attempt = 0 if self._has_heard else attempt + 1  # who does not have the room hangs up without a word
            await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])

    async def _serve(self) -> None:
        reader, self._writer = await dial(self._address)
        self._counters["link_dialled"] += 1
        self._writer.write(self._hello.model_dump_json().encode() + b"\n")
        frames = wire.FrameReader()
        while data := await reader.read(READ_BYTES):
            self._has_heard = True
            for type_, body in frames.feed(data):
                handler = self._handlers.get(type_)
                if handler is not None:
                    handler(body)
            self._forwarder.flush()

    def _hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._drop_all()

    def _drop_all(self) -> None:
        publications, self._publications = self._publications, {}
        self._tracks.clear()
        for publication in publications.values():
            self._room.handle_gone(publication)

    def _ask(self, request: wire.LinkRequest) -> None:
        if self._writer is not None:
            self._writer.write(request.model_dump_json().encode() + b"\n")

    # --- frames

    def _take_packet(self, body: bytes) -> None:
        number, is_keyframe = wire.PACKET.unpack_from(body)
        track = self._tracks.get(number)
        if track is None:
            return
        packet = body[wire.PACKET.size :]
        track.receive(packet, bool(is_keyframe), self._clock.monotonic())
        self._counters["rtp_linked"] += 1
        self._room.handle_packet(track, packet)

    def _take_report(self, body: bytes) -> None:
        number, ntp, rtp_time = wire.REPORT.unpack(body)
        track = self._tracks.get(number)
        if track is not None:
            track.report = ntp, rtp_time
            self._room.handle_sender_report(track)

    def _take_level(self, body: bytes) -> None:
        number, level = wire.LEVEL.unpack(body)
        track = self._tracks.get(number)
        if track is not None:
            self._room.handle_level(track, level, self._clock.monotonic())

    def _take_event(self, body: bytes) -> None:
        event = wire.LinkEvent.model_validate_json(body)
        if event.publication is not None:
            self._begin(event.publication)
        elif event.track is not None:
            self._begin_track(event.track)
        elif event.event == "gone":
            self._end(event.publication_id)

    def _begin(self, about: wire.LinkedPublication) -> None:
        known = self._publications.get(about.publication_id)
        if known is not None and tuple(layer.rid for layer in known.layers) == about.rids:
            return
        if known is not None:
            self._end(about.publication_id)
        publication = Publication(about.participant_id, about.source, self._forwarder)
        publication.is_granted = True
        publication.link = self
        publication.sendable = frozenset(about.sendable)
        publication.prepare(about.rids)
        self._publications[about.publication_id] = publication
        self._room.handle_publication(publication)

    def _begin_track(self, about: wire.LinkedTrack) -> None:
        publication = self._publications.get(about.publication_id)
        layer = next((one for one in publication.layers if one.rid == about.rid), None) if publication else None
        if publication is None or layer is None:
            return
        self._tracks = {number: track for number, track in self._tracks.items() if track.layer is not layer}

        def ask_keyframe() -> None:
            self._ask(wire.LinkRequest(op="keyframe", publication_id=about.publication_id, rids=(about.rid,)))

        track = self._tracks[about.number] = LinkedTrack(layer, self, about, ask_keyframe)
        publication.set_track(publication.layers, track, self._clock.monotonic())
        self._room.handle_track(track)

    def _end(self, publication_id: str) -> None:
        publication = self._publications.pop(publication_id, None)
        if publication is not None:
            self._tracks = {
                number: track for number, track in self._tracks.items() if track.publication is not publication
            }
            self._room.handle_gone(publication)
