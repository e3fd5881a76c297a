"""What the rooms need of others: an audience, media, recorders, planning, the record. No socket and no SQL in sight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from media.control import Grants, QualityLevel, SlotInfo, TransportAnswer, WantedPicture
from server.planning.profiles import MeetingProfile
from server.planning.service import FrozenRoll
from server.protocol.base import RoomEvent, VolatileEvent
from server.protocol.events import RoomClosed
from server.protocol.models import MeetingType


class Audience(Protocol):
    """Delivers in the order of the calls and never blocks. A connection is an opaque name that signaling gave."""

    def publish(self, meeting_id: str, event: RoomEvent | VolatileEvent) -> None: ...

    def tell(self, meeting_id: str, connection: str, event: VolatileEvent) -> None: ...

    def subscribe(self, meeting_id: str, connection: str) -> None:
        """From here on the connection gets what is published."""
        ...

    def dismiss(self, meeting_id: str, connection: str, farewell: RoomClosed | None) -> None:
        """The last word, then no more; with a farewell the connection is closed as well."""
        ...

    def silent_ms(self, connection: str) -> int:
        """How long ago the connection last proved that somebody is there; 0 while nothing speaks against it."""
        ...


class MediaPlane(Protocol):
    """The media workers. Raises AppError with media's codes, MEDIA_UNAVAILABLE when none is there."""

    def expect_room(self, room_id: str) -> None:
        """It ran before this process started: wait for the worker that may still carry it."""
        ...

    async def open_room(self, room_id: str) -> str:
        """Where a recorder taps it."""
        ...

    async def close_room(self, room_id: str) -> None: ...

    async def offer(self, room_id: str, participant_id: str, sdp: str, grants: Grants) -> TransportAnswer: ...

    async def set_view(
        self, room_id: str, participant_id: str, pictures: tuple[WantedPicture, ...]
    ) -> tuple[SlotInfo, ...]: ...

    async def set_grants(self, room_id: str, participant_id: str, grants: Grants) -> None:
        """From the next packet on. Nothing happens when the participant has no transport."""
        ...

    async def set_quality(self, room_id: str, participant_id: str, level: QualityLevel | None) -> None:
        """The most that the participant wants. Nothing happens when it has no transport."""
        ...

    async def end_publication(self, room_id: str, publication_id: str) -> None: ...

    async def close_transport(self, room_id: str, participant_id: str) -> None: ...


class RecordingPlane(Protocol):
    """What shall be recorded; the recorders follow, now or when one is there. None of these waits for a recorder."""

    def start(self, recording_id: str, room_id: str) -> None: ...

    def pause(self, recording_id: str) -> None: ...

    def resume(self, recording_id: str) -> None: ...

    def set_stage(self, recording_id: str, publication_id: str | None) -> None: ...

    def stop(self, recording_id: str) -> None: ...


class RollKeeper(Protocol):
    """server.planning.service.Planning."""

    async def freeze_roll(self, meeting_id: str) -> FrozenRoll: ...

    async def cancel(self, meeting_id: str) -> None: ...

    def profile(self, type_: MeetingType) -> MeetingProfile: ...


class RecordBook(Protocol):
    """The ledger: both are idempotent and may raise DatabaseAwayError."""

    async def assemble(self, meeting_id: str) -> str: ...

    async def recording_finished(self, recording_id: str) -> None: ...


class WriteBehind(Protocol):
    """Work on the database that nobody waits for: in order, again while the database is away."""

    def put(self, name: str, work: Callable[[], Awaitable[object]]) -> None: ...
