"""The media plane of one worker: socket, rooms, clockwork. Does the calls of ``media/control.py``; no Socket.IO."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from media import control
from media.aiortc_adapter import Certificate
from media.clock import Clock, SystemClock
from media.demux import Demux
from media.environment import Environment
from media.errors import MediaError
from media.forwarding import Forwarder
from media.links.server import LinkServer
from media.room import Room
from media.room_events import RoomEvents
from media.sdp.offer import parse_offer
from media.settings import Settings
from media.stats import Counters
from media.taps import TapServer
from media.tcp import open_ports
from media.udp import Address, local_addresses

logger = logging.getLogger(__name__)
TICK_S = 0.05
TICKS_PER_VOICES = 2
TICKS_PER_SECOND = 20
CLOSE_TIMEOUT_S = 0.5


class MediaPlane:
    """Owns everything between the socket and the rooms. ``emit`` gets the events for the server."""

    def __init__(
        self, settings: Settings, emit: Callable[[control.ControlModel], None], clock: Clock | None = None
    ) -> None:
        clock = clock or SystemClock()
        self.counters = Counters()
        self.rooms: dict[str, Room] = {}
        self._emit = emit
        self._port, self._tcp = open_ports(settings, clock, self.counters)
        self._demux = Demux(self.counters)
        forwarder = Forwarder(self._port, clock, self.counters)
        self._demux.on_drained = forwarder.flush
        self._environment = Environment(
            clock=clock,
            counters=self.counters,
            certificate=Certificate(),
            port=self._port,
            demux=self._demux,
            forwarder=forwarder,
            candidates=_candidates(settings, settings.advertise, self._port.address),
            tcp_candidates=_candidates(settings, settings.advertise_tcp, self._tcp.address) if self._tcp else (),
            worker_token=settings.worker_token,
            ssrc_base=random.randrange(0x1000_0000, 0xE000_0000) & ~0xFFF,  # noqa: S311 - only to be unlike a browser's
        )
        self._taps = TapServer(settings, self.rooms.get, self.counters)
        self._links = LinkServer(settings, self.rooms.get, forwarder, clock, self.counters)
        self._clockwork: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        await self._taps.listener.start()
        await self._links.listener.start()
        self._port.attach(self._demux, loop.add_reader)
        if self._tcp is not None:
            await self._tcp.start(self._demux)
        self._clockwork = asyncio.create_task(self._run_clockwork())
        logger.info("media plane listens on udp %s:%d", *self._port.address)

    async def close(self) -> None:
        """Rooms first, so that every client hears a goodbye."""
        for room_id in list(self.rooms):
            self.close_room(control.RoomClose(room_id=room_id))
        if self._clockwork is not None:
            self._clockwork.cancel()
            await asyncio.gather(self._clockwork, return_exceptions=True)
        if self._environment.tasks:
            await asyncio.wait(self._environment.tasks, timeout=CLOSE_TIMEOUT_S)
        await self._taps.listener.close()
        await self._links.listener.close()
        if self._tcp is not None:
            await self._tcp.close()
        self._port.close(asyncio.get_running_loop().remove_reader)

    # --- calls

    def open_room(self, call: control.RoomOpen) -> control.RoomOpened:
        if call.room_id not in self.rooms:
            self.rooms[call.room_id] = Room(
                call.room_id, call.max_participants, self._environment, RoomEvents(call.room_id, self._emit)
            )
            logger.info("room opened: %s", call.room_id)
        self.rooms[call.room_id].is_primary = call.primary
        return control.RoomOpened(tap=self._taps.listener.address, link=self._links.listener.address)

    def link_room(self, call: control.RoomLink) -> None:
        room = self._room(call.room_id)
        is_new = call.primary and not room.is_primary
        room.is_primary = call.primary
        room.links.set_peers(call.peers)
        if is_new:
            room.repeat_speakers()

    def close_room(self, call: control.RoomClose) -> None:
        room = self.rooms.pop(call.room_id, None)
        if room is not None:
            room.close()
            logger.info("room closed: %s", call.room_id)

    def offer(self, call: control.TransportOffer) -> control.TransportAnswer:
        room = self._room(call.room_id)
        try:
            offer = parse_offer(call.sdp)
        except ValueError as error:
            raise MediaError.bad_sdp(str(error)) from error
        is_new = call.participant_id not in room.participants
        participant = room.seat(call.participant_id, call.grants)
        try:
            text, connection = participant.offer(offer)
        except BaseException:
            if is_new:
                room.remove(call.participant_id)
            raise
        return control.TransportAnswer(
            sdp=text, sources=connection.source_mids, slots=participant.slot_infos(connection)
        )

    def close_transport(self, call: control.TransportClose) -> None:
        self._room(call.room_id).remove(call.participant_id)

    def set_grants(self, call: control.GrantsSet) -> None:
        self._room(call.room_id).participant(call.participant_id).set_grants(call.grants)

    def set_view(self, call: control.ViewSet) -> control.ViewAssigned:
        participant = self._room(call.room_id).participant(call.participant_id)
        return control.ViewAssigned(slots=participant.set_view(call.pictures))

    def set_quality(self, call: control.QualitySet) -> None:
        self._room(call.room_id).participant(call.participant_id).set_quality(call.level)

    def end_publication(self, call: control.PublicationEnd) -> None:
        self._room(call.room_id).end(call.publication_id)

    def request_keyframe(self, call: control.KeyframeRequest) -> None:
        self._room(call.room_id).request_keyframe(call.publication_id)

    def media(self) -> tuple[control.RoomMedia, ...]:
        """What the worker carries, for a server that has just started."""
        return tuple(
            room.media(self._taps.listener.address, self._links.listener.address) for room in self.rooms.values()
        )

    def repeat_speakers(self) -> None:
        """Events that the hello cannot stand for."""
        for room in self.rooms.values():
            room.repeat_speakers()

    def stats(self) -> dict[str, int]:
        """Counters, and gauges of the moment."""
        seats = sum(len(room.participants) for room in self.rooms.values())
        connected = sum(room.connected for room in self.rooms.values())
        return {**self.counters, "rooms": len(self.rooms), "participants": seats, "connected": connected}

    # --- private

    def _room(self, room_id: str) -> Room:
        room = self.rooms.get(room_id)
        if room is None:
            raise MediaError.unknown_room(room_id)
        return room

    async def _run_clockwork(self) -> None:
        loop = asyncio.get_running_loop()
        ticks = 0
        due = loop.time()
        while True:
            due = max(due + TICK_S, loop.time())
            await asyncio.sleep(due - loop.time())
            ticks += 1
            for room in list(self.rooms.values()):
                try:
                    self._tick(room, ticks)
                except Exception:  # one room's fault must not stop the clock of the others
                    self.counters["fault_tick"] += 1
                    logger.exception("tick of a room failed")

    def _tick(self, room: Room, ticks: int) -> None:
        now = self._environment.clock.monotonic()
        room.tick(now)
        if ticks % TICKS_PER_VOICES == 0:
            room.tick_voices(now)
        if ticks % TICKS_PER_SECOND == 0:
            room.tick_second(now)


def _candidates(settings: Settings, advertised: tuple[Address, ...], bound: Address) -> tuple[Address, ...]:
    if advertised:
        return advertised
    hosts: list[str] = []
    if settings.host == "0.0.0.0":  # noqa: S104 - asked for by the operator
        hosts += local_addresses()
    elif settings.host:
        hosts.append(bound[0])
    if settings.host6 == "::":
        hosts += local_addresses(6)
    elif settings.host6:
        hosts.append(settings.host6)
    return tuple((host, bound[1]) for host in hosts)
