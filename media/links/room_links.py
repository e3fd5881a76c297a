"""A room's links to the other workers that carry it: whom it serves, and from whom it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from media.links import wire
from media.links.inlet import Inlet, LinkListener
from media.links.outlet import Outlet

if TYPE_CHECKING:
    from media.environment import Environment
    from media.publication import Publication
    from media.track import Track


class RoomLinks:
    """Costs nothing while there are none."""

    def __init__(self, room_id: str, room: LinkListener, environment: Environment) -> None:
        self._room_id = room_id
        self._room = room
        self._environment = environment
        self._outlets: dict[Outlet, Callable[[], None]] = {}
        self._inlets: dict[str, Inlet] = {}

    def set_peers(self, addresses: Iterable[str]) -> None:
        """Dials those that are new and leaves those that are not named."""
        wanted = set(addresses)
        for address in self._inlets.keys() - wanted:
            self._hang_up(address)
        environment = self._environment
        hello = wire.LinkHello(token=environment.worker_token, room_id=self._room_id)
        for address in wanted - self._inlets.keys():
            self._inlets[address] = Inlet(
                address, hello, self._room, environment.forwarder, environment.clock, environment.counters
            )

    def serve(self, outlet: Outlet, closed: Callable[[], None], publications: Iterable[Publication]) -> None:
        """Another worker has dialled in. ``closed`` is called when the room is."""
        self._outlets[outlet] = closed
        for publication in publications:
            outlet.handle_flow(publication)

    def leave(self, outlet: Outlet) -> None:
        if self._outlets.pop(outlet, None) is not None:
            outlet.close()

    def find(self, publication_id: str) -> Publication | None:
        """Of another worker."""
        return next((found for inlet in self._inlets.values() if (found := inlet.find(publication_id))), None)

    def handle_flow(self, publication: Publication) -> None:
        for outlet in self._outlets:
            outlet.handle_flow(publication)

    def handle_track(self, track: Track) -> None:
        for outlet in self._outlets:
            outlet.handle_track(track)

    def handle_level(self, track: Track, level: int) -> None:
        for outlet in self._outlets:
            outlet.send_level(track, level)

    def handle_report(self, track: Track) -> None:
        for outlet in self._outlets:
            outlet.send_report(track)

    def close(self) -> None:
        for address in list(self._inlets):
            self._hang_up(address)
        outlets, self._outlets = self._outlets, {}
        for outlet, closed in outlets.items():
            outlet.close()
            closed()

    def _hang_up(self, address: str) -> None:
        self._environment.keep(self._inlets.pop(address).close())
