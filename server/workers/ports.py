"""Who hears the workers. server.rooms.registry implements it; tests bring their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.control import (
    ParticipantMedia,
    PublicationCodecWanted,
    PublicationLayersWanted,
    PublicationMedia,
    QualityChanged,
    SlotsChanged,
    SpeakersChanged,
    TransportChanged,
)
from recordings.control import RecordingChanged, RecordingSegment


class MediaListener(Protocol):
    """What the media workers tell about rooms."""

    def wants_media(self, room_id: str) -> bool:
        """Is this room still held here?"""
        ...

    async def handle_adopted(
        self, room_id: str, participants: tuple[ParticipantMedia, ...], is_elsewhere: Callable[[str], bool]
    ) -> None:
        """A worker that came back has the room running. ``is_elsewhere``: another worker carries that participant."""
        ...

    async def handle_moved(self, room_id: str, participant_ids: tuple[str, ...] | None) -> None:
        """Who is named lost his worker; None: the whole room did, and another worker has it now, empty."""
        ...

    async def handle_transport(self, event: TransportChanged) -> None: ...

    def handle_flow(self, event: PublicationMedia) -> None: ...

    def handle_codec_wanted(self, event: PublicationCodecWanted) -> None: ...

    def handle_layers_wanted(self, event: PublicationLayersWanted) -> None: ...

    def handle_slots(self, event: SlotsChanged) -> None: ...

    async def handle_quality(self, event: QualityChanged) -> None: ...

    def handle_speakers(self, event: SpeakersChanged) -> None: ...


class RecordingListener(Protocol):
    """What the recorders tell. Both raise AppError when it could not be kept: then it is told again."""

    async def handle_recording(self, event: RecordingChanged) -> None: ...

    async def handle_segment(self, event: RecordingSegment) -> None: ...

    def handle_recorder_away(self, recording_id: str) -> None: ...


class Tap(Protocol):
    """Where recorders get a room's packets: the media workers, as the recorders see them."""

    async def open_room(self, room_id: str) -> str: ...

    async def close_room(self, room_id: str) -> None: ...
