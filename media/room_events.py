"""What the server hears of one room."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from media.control import (
    ControlModel,
    PublicationCodecWanted,
    PublicationLayersWanted,
    PublicationMedia,
    QualityChanged,
    SlotInfo,
    SlotsChanged,
    SpeakersChanged,
    TransportChanged,
    TransportState,
)

if TYPE_CHECKING:
    from media.codec_choice import VideoCodec
    from media.downlink import Standing
    from media.publication import Publication


class RoomEvents:
    """The room's events, with its name; ``emit`` sends them."""

    def __init__(self, room_id: str, emit: Callable[[ControlModel], None]) -> None:
        self._room_id = room_id
        self._emit = emit

    def tell_state(self, participant_id: str, state: TransportState) -> None:
        self._emit(TransportChanged(room_id=self._room_id, participant_id=participant_id, state=state))

    def tell_slots(self, participant_id: str, slots: tuple[SlotInfo, ...]) -> None:
        """Pictures are left out, or sent again."""
        self._emit(SlotsChanged(room_id=self._room_id, participant_id=participant_id, slots=slots))

    def tell_standing(self, participant_id: str, standing: Standing) -> None:
        """Where a viewer is on the ladder."""
        self._emit(
            QualityChanged(
                room_id=self._room_id,
                participant_id=participant_id,
                level=standing.level,
                chosen=standing.is_chosen,
                budget_bps=standing.budget_bps,
            )
        )

    def tell_speakers(self, participant_ids: tuple[str, ...]) -> None:
        self._emit(SpeakersChanged(room_id=self._room_id, participant_ids=participant_ids))

    def tell_flow(self, publication: Publication) -> None:
        """It begins to come, or has stopped."""
        self._emit(
            PublicationMedia(
                room_id=self._room_id,
                publication_id=publication.id,
                flowing=publication.is_flowing,
                codec=publication.codec,
            )
        )

    def ask_codec(self, publication: Publication, codec: VideoCodec) -> None:
        self._emit(PublicationCodecWanted(room_id=self._room_id, publication_id=publication.id, codec=codec))

    def ask_layers(self, publication: Publication, rids: tuple[str, ...]) -> None:
        self._emit(PublicationLayersWanted(room_id=self._room_id, publication_id=publication.id, rids=rids))
