"""Hears the workers and hands their words to the right room. Implements the listeners of server.workers.ports."""

from __future__ import annotations

from collections.abc import Callable

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
from server.rooms.devices import Devices
from server.rooms.media_link import MediaLink
from server.rooms.ports import Audience
from server.rooms.publisher_requests import request_codec, request_layers
from server.rooms.quality import Quality
from server.rooms.recording import RecordingDesk
from server.rooms.room import Room


class WorkerNews:
    """What is said of a room that is not held here is dropped."""

    def __init__(
        self,
        room_of: Callable[[str], Room | None],
        audience: Audience,
        media: MediaLink,
        quality: Quality,
        devices: Devices,
        recording: RecordingDesk,
    ) -> None:
        self._room_of = room_of
        self._audience = audience
        self._media = media
        self._quality = quality
        self._devices = devices
        self._recording = recording

    def wants_media(self, room_id: str) -> bool:
        room = self._room_of(room_id)
        return room is not None and (not room.is_over or self._recording.is_running(room))

    async def handle_adopted(
        self, room_id: str, participants: tuple[ParticipantMedia, ...], is_elsewhere: Callable[[str], bool]
    ) -> None:
        if room := self._room_of(room_id):
            await self._media.handle_adopted(room, participants, is_elsewhere)

    async def handle_moved(self, room_id: str, participant_ids: tuple[str, ...] | None) -> None:
        if room := self._room_of(room_id):
            self._quality.forget(room, participant_ids)
            self._devices.forget_views(room, participant_ids)
            await self._media.handle_moved(room, participant_ids)

    async def handle_transport(self, event: TransportChanged) -> None:
        if room := self._room_of(event.room_id):
            await self._media.handle_transport(room, event.participant_id, event.state)

    def handle_flow(self, event: PublicationMedia) -> None:
        if room := self._room_of(event.room_id):
            self._media.handle_flow(room, event.publication_id, event.flowing)

    def handle_codec_wanted(self, event: PublicationCodecWanted) -> None:
        if room := self._room_of(event.room_id):
            request_codec(self._audience, room, event)

    def handle_layers_wanted(self, event: PublicationLayersWanted) -> None:
        if room := self._room_of(event.room_id):
            request_layers(self._audience, room, event)

    def handle_slots(self, event: SlotsChanged) -> None:
        if room := self._room_of(event.room_id):
            self._media.handle_slots(room, event)

    async def handle_quality(self, event: QualityChanged) -> None:
        if room := self._room_of(event.room_id):
            await self._quality.handle_changed(room, event)

    def handle_speakers(self, event: SpeakersChanged) -> None:
        if room := self._room_of(event.room_id):
            self._media.handle_speakers(room, event.participant_ids)

    async def handle_recording(self, event: RecordingChanged) -> None:
        await self._recording.handle_changed(event)

    async def handle_segment(self, event: RecordingSegment) -> None:
        await self._recording.handle_segment(event)

    def handle_recorder_away(self, recording_id: str) -> None:
        self._recording.handle_recorder_away(recording_id)
