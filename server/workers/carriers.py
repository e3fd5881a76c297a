"""Calls that go to the worker which carries a room or a seat, and what is opened and linked on the way there.

Knows the connected workers; must not know what a room is, nor what workers tell.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from media import control
from media.control import MediaErrorCode, RoomMedia, RoomOpened
from server.clock import Clock
from server.errors import AppError
from server.locks import NamedLocks
from server.protocol.codes import ErrorCode
from server.telemetry.counters import count
from server.workers.link import WorkerCallError, WorkerLink
from server.workers.placement import Loss, Placement

REATTACH_MS = 3_000  # after our start: a room that ran before waits so long for the worker that still carries it

R = TypeVar("R")
A = TypeVar("A", bound=BaseModel)
_CODES: dict[str, ErrorCode] = {
    MediaErrorCode.BAD_SDP: ErrorCode.BAD_SDP,
    MediaErrorCode.NO_USABLE_MEDIA: ErrorCode.NO_USABLE_MEDIA,
    MediaErrorCode.ROOM_FULL: ErrorCode.ROOM_FULL,
    MediaErrorCode.BAD_REQUEST: ErrorCode.BAD_REQUEST,
}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """``spread_at``: participants on one worker before a room takes in another. ``participants``: on each worker."""

    spread_at: int = 300
    participants: int = 1200


class Carriers:
    """``links``: the workers that said hello, by id; kept by the caller."""

    def __init__(self, links: Mapping[str, WorkerLink], clock: Clock, limits: RoomLimits) -> None:
        self._links = links
        self._clock = clock
        self._limits = limits
        self._placement = Placement(limits.spread_at)
        self._opened: dict[tuple[str, str], RoomOpened] = {}  # by room and worker
        self._opening = NamedLocks()
        self._expected: dict[str, tuple[asyncio.Event, int]] = {}  # rooms from before our start: brought, until when

    # --- who carries what

    def of(self, room_id: str) -> list[WorkerLink]:
        """The connected workers that carry the room, the primary first."""
        return [link for worker in self._placement.workers(room_id) if (link := self._living(worker)) is not None]

    def is_primary(self, room_id: str, worker_id: str) -> bool:
        return self._placement.primary(room_id) == worker_id

    def rooms_of(self, worker_id: str) -> tuple[str, ...]:
        return self._placement.rooms_of(worker_id)

    def sits_elsewhere(self, room_id: str, participant_id: str, worker_id: str) -> bool:
        """Whether another worker than this one carries the participant."""
        seat = self._placement.seat(room_id, participant_id)
        return seat != worker_id and self._living(seat) is not None

    def expect(self, room_id: str) -> None:
        """The room ran before this process started: some worker may still carry its media."""
        self._expected[room_id] = (asyncio.Event(), self._clock.monotonic_ms() + REATTACH_MS)

    def adopt(self, worker_id: str, room: RoomMedia) -> None:
        """A worker says that it carries the room. Who sits on another one by now stays there."""
        self._placement.open(room.room_id, worker_id, is_primary=room.primary)
        self._opened[room.room_id, worker_id] = RoomOpened(tap=room.tap, link=room.link)
        for participant in room.participants:
            if not self.sits_elsewhere(room.room_id, participant.participant_id, worker_id):
                self._placement.sit(room.room_id, participant.participant_id, worker_id)
        if room.primary and room.room_id in self._expected:
            self._expected[room.room_id][0].set()

    def lose(self, room_id: str, worker_id: str) -> Loss:
        """The worker does not carry the room any more."""
        self._opened.pop((room_id, worker_id), None)
        return self._placement.close(room_id, worker_id)

    def forget(self, room_id: str) -> None:
        for worker in self._placement.workers(room_id):
            self._opened.pop((room_id, worker), None)
        self._placement.forget(room_id)

    # --- calls

    async def open(self, room_id: str) -> str:
        """Where the room can be tapped. Raises AppError(MEDIA_UNAVAILABLE)."""
        async with self._opening.of(room_id):
            return (await self._open_anywhere(room_id)).tap

    async def close(self, room_id: str) -> None:
        """Nothing happens when no worker has it. One that does not answer keeps it open on no other."""
        carriers = self.of(room_id)
        self.forget(room_id)
        message = control.RoomClose(room_id=room_id)
        told = await asyncio.gather(*(link.tell(message) for link in carriers), return_exceptions=True)
        for error in told:
            if isinstance(error, WorkerCallError):
                raise translate(error) from error

    async def take_seat(self, room_id: str, participant_id: str, message: BaseModel, answer: type[A]) -> A:
        """A call after which the participant sits on the worker that answered it.

        A worker that lost the room (it restarted quicker than we noticed) gets it again, once.
        """
        for attempt in range(2):
            link = await self._seat(room_id, participant_id)
            try:
                result = await link.call(message, answer)
            except WorkerCallError as error:
                if error.code != MediaErrorCode.UNKNOWN_ROOM or attempt:
                    raise translate(error) from error
                self._opened.pop((room_id, link.worker_id), None)
            else:
                self._placement.sit(room_id, participant_id, link.worker_id)
                return result
        raise unavailable("the room's media worker went away")

    async def call_seat(self, room_id: str, participant_id: str, message: BaseModel, answer: type[A]) -> A:
        """Raises AppError(CONFLICT) when the participant has no transport."""
        link = self._seat_link(room_id, participant_id)
        if link is None:
            raise AppError(ErrorCode.CONFLICT, "offer first")
        result: A = await translated(link.call(message, answer))
        return result

    async def tell_seat(self, room_id: str, participant_id: str, message: BaseModel) -> None:
        """Nothing happens when the participant has no transport."""
        link = self._seat_link(room_id, participant_id)
        if link is not None:
            ignored = (MediaErrorCode.UNKNOWN_ROOM, MediaErrorCode.UNKNOWN_PARTICIPANT)
            await translated(link.tell(message), ignored=ignored)

    async def unseat(self, room_id: str, participant_id: str) -> None:
        """Closes the transport."""
        message = control.TransportClose(room_id=room_id, participant_id=participant_id)
        try:
            await self.tell_seat(room_id, participant_id, message)
        finally:
            self._placement.leave(room_id, participant_id)

    async def link_up(self, room_id: str) -> None:
        """Tells the workers of a room of each other."""
        carriers = self.of(room_id)
        opened = {link.worker_id: self._opened.get((room_id, link.worker_id)) for link in carriers}
        for link in carriers:
            peers = tuple(one.link for worker, one in opened.items() if worker != link.worker_id and one is not None)
            message = control.RoomLink(room_id=room_id, peers=peers, primary=self.is_primary(room_id, link.worker_id))
            try:
                await link.tell(message)
            except WorkerCallError as error:
                count("media_links_failed")
                _logger.warning("room=%s on worker=%s is not linked: %s", room_id, link.worker_id, error)

    # --- private

    def _living(self, worker_id: str | None) -> WorkerLink | None:
        link = self._links.get(worker_id or "")
        return link if link is not None and not link.gone.is_set() else None

    def _living_ids(self) -> list[str]:
        return [link.worker_id for link in self._links.values() if not link.gone.is_set()]

    def _seat_link(self, room_id: str, participant_id: str) -> WorkerLink | None:
        return self._living(self._placement.seat(room_id, participant_id))

    async def _seat(self, room_id: str, participant_id: str) -> WorkerLink:
        async with self._opening.of(room_id):
            await self._open_anywhere(room_id)
            link = self._living(self._placement.worker_for_seat(room_id, participant_id, self._living_ids()))
            if link is None:
                raise unavailable("no media worker is connected")
            is_new = link.worker_id not in self._placement.workers(room_id)
            await self._open_on(link, room_id)
            if is_new:
                await self.link_up(room_id)
            return link

    async def _open_anywhere(self, room_id: str) -> RoomOpened:
        """On the first of its workers, or on the one that has the least to do."""
        await self._await_holder(room_id)
        carriers = self.of(room_id)
        if carriers:
            return await self._open_on_first(carriers[0], room_id)
        if self._placement.workers(room_id):
            # It may be back at once with everybody on it; if not, the room moves as a whole and everybody is told.
            raise unavailable("the room's media worker is away")
        link = self._living(self._placement.worker_for_room(self._living_ids()))
        if link is None:
            raise unavailable("no media worker is connected")
        return await self._open_on(link, room_id)

    async def _open_on_first(self, link: WorkerLink, room_id: str) -> RoomOpened:
        """Where the primary did not outlive a restart of ours, another one takes its part."""
        opened = await self._open_on(link, room_id)
        if self._placement.primary(room_id) is None:
            self._placement.promote(room_id, link.worker_id)
            await self.link_up(room_id)
        return opened

    async def _open_on(self, link: WorkerLink, room_id: str) -> RoomOpened:
        opened = self._opened.get((room_id, link.worker_id))
        if opened is None:
            is_primary = self._placement.primary(room_id) in (None, link.worker_id)
            message = control.RoomOpen(room_id=room_id, max_participants=self._limits.participants, primary=is_primary)
            opened = await translated(link.call(message, RoomOpened))
            self._opened[room_id, link.worker_id] = opened
            self._placement.open(room_id, link.worker_id)
        return opened

    async def _await_holder(self, room_id: str) -> None:
        """Else the first worker to say hello would get the room, and pictures that still run elsewhere would stop."""
        if room_id not in self._expected:
            return
        brought, until_ms = self._expected[room_id]
        with suppress(TimeoutError):
            await asyncio.wait_for(brought.wait(), max(until_ms - self._clock.monotonic_ms(), 0) / 1000)
        self._expected.pop(room_id, None)


async def translated(call: Awaitable[R], ignored: tuple[str, ...] = ()) -> R | Any:
    """The call's answer. Raises AppError."""
    try:
        return await call
    except WorkerCallError as error:
        if error.code in ignored:
            return None
        raise translate(error) from error


def translate(error: WorkerCallError) -> AppError:
    """A worker's refusal as the client hears it."""
    code = _CODES.get(error.code or "")
    if code is not None:
        return AppError(code, str(error))
    if error.code is None or error.code == MediaErrorCode.UNKNOWN_ROOM:
        return unavailable(str(error))
    if error.code == MediaErrorCode.UNKNOWN_PARTICIPANT:
        return AppError(ErrorCode.CONFLICT, "offer first")
    return AppError(ErrorCode.MEDIA_UNAVAILABLE, str(error), retryable=True)


def unavailable(message: str) -> AppError:
    return AppError(ErrorCode.MEDIA_UNAVAILABLE, message, retryable=True)
