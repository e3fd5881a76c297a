"""Events of a room. Ordered ones carry ``revision``; volatile ones do not. Socket.IO event name = ``NAME``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from server.protocol.base import RoomEvent, VolatileEvent
from server.protocol.codes import ErrorCode
from server.protocol.models import (
    AgendaInfo,
    FloorInfo,
    HandInfo,
    MeetingState,
    ParticipantInfo,
    PublicationInfo,
    RecordingInfo,
    RemarkInfo,
    RollEntry,
    RoomGrants,
    SlotInfo,
)


class ParticipantJoined(RoomEvent):
    NAME: ClassVar[str] = "participant.joined"
    type: Literal["participant.joined"] = "participant.joined"
    participant: ParticipantInfo


class ParticipantChanged(RoomEvent):
    NAME: ClassVar[str] = "participant.changed"
    type: Literal["participant.changed"] = "participant.changed"
    participant: ParticipantInfo


class ParticipantLeft(RoomEvent):
    """``reason``: left, lost, removed, replaced, ended."""

    NAME: ClassVar[str] = "participant.left"
    type: Literal["participant.left"] = "participant.left"
    participant_id: str
    reason: str


class PublicationAdded(RoomEvent):
    NAME: ClassVar[str] = "publication.added"
    type: Literal["publication.added"] = "publication.added"
    publication: PublicationInfo


class PublicationChanged(RoomEvent):
    NAME: ClassVar[str] = "publication.changed"
    type: Literal["publication.changed"] = "publication.changed"
    publication: PublicationInfo


class PublicationRemoved(RoomEvent):
    NAME: ClassVar[str] = "publication.removed"
    type: Literal["publication.removed"] = "publication.removed"
    publication_id: str


class HandsChanged(RoomEvent):
    """The whole queue in order."""

    NAME: ClassVar[str] = "hands.changed"
    type: Literal["hands.changed"] = "hands.changed"
    hands: tuple[HandInfo, ...]


class FloorChanged(RoomEvent):
    NAME: ClassVar[str] = "floor.changed"
    type: Literal["floor.changed"] = "floor.changed"
    floor: FloorInfo | None


class RemarkAdded(RoomEvent):
    """Also sent again with ``until_ms`` when a spoken turn ended (same ``remark_id``)."""

    NAME: ClassVar[str] = "remark.added"
    type: Literal["remark.added"] = "remark.added"
    remark: RemarkInfo


class AgendaMoved(RoomEvent):
    NAME: ClassVar[str] = "agenda.moved"
    type: Literal["agenda.moved"] = "agenda.moved"
    agenda: AgendaInfo


class StageChanged(RoomEvent):
    NAME: ClassVar[str] = "stage.changed"
    type: Literal["stage.changed"] = "stage.changed"
    pinned_publication_id: str | None


class RollChanged(RoomEvent):
    NAME: ClassVar[str] = "roll.changed"
    type: Literal["roll.changed"] = "roll.changed"
    entry: RollEntry
    signed_in: int
    signed_in_voting: int


class RecordingStateChanged(RoomEvent):
    NAME: ClassVar[str] = "recording.changed"
    type: Literal["recording.changed"] = "recording.changed"
    recording: RecordingInfo


class MeetingChanged(RoomEvent):
    NAME: ClassVar[str] = "meeting.changed"
    type: Literal["meeting.changed"] = "meeting.changed"
    state: MeetingState
    started_ms: int | None = None
    ended_ms: int | None = None


AnyRoomEvent = Annotated[
    ParticipantJoined
    | ParticipantChanged
    | ParticipantLeft
    | PublicationAdded
    | PublicationChanged
    | PublicationRemoved
    | HandsChanged
    | FloorChanged
    | RemarkAdded
    | AgendaMoved
    | StageChanged
    | RollChanged
    | RecordingStateChanged
    | MeetingChanged,
    Field(discriminator="type"),
]


class SpeakersChanged(VolatileEvent):
    """Loudest first."""

    NAME: ClassVar[str] = "speakers.changed"
    participant_ids: tuple[str, ...]


class SlotsChanged(VolatileEvent):
    """To one client: its slots now carry these publications, or are ``paused`` for want of bandwidth (or not any
    more)."""

    NAME: ClassVar[str] = "slots.changed"
    slots: tuple[SlotInfo, ...]


class MediaMoved(VolatileEvent):
    """To the clients of a room: its media worker is gone or another one; make a new connection and offer again."""

    NAME: ClassVar[str] = "media.moved"


class MuteRequested(VolatileEvent):
    """To one client: the host muted this source; stop sending it and say so."""

    NAME: ClassVar[str] = "mute.requested"
    source: Literal["microphone", "camera", "screen", "screen_audio"]


class CodecRequested(VolatileEvent):
    """To one client: somebody who watches cannot take this source's codec; send it with this one from now on."""

    NAME: ClassVar[str] = "codec.requested"
    source: Literal["camera", "screen"]
    codec: Literal["H264", "VP8"]


class LayersRequested(VolatileEvent):
    """To one client: these encodings (rids) of the source are looked at; send them and no others.

    Empty: nobody looks at it now. A source with a single encoding has the rid "". Repeated while what comes differs.
    """

    NAME: ClassVar[str] = "layers.requested"
    source: Literal["camera", "screen"]
    rids: tuple[str, ...]


class GrantsChanged(VolatileEvent):
    """To one client: what it may publish from now on; what is not in it any more has ended."""

    NAME: ClassVar[str] = "grants.changed"
    grants: RoomGrants


class RoomClosed(VolatileEvent):
    """Last event before the server disconnects the client: ended, removed, replaced or moved."""

    NAME: ClassVar[str] = "room.closed"
    code: ErrorCode
    reason: str


ROOM_EVENTS: tuple[type[RoomEvent], ...] = (
    ParticipantJoined,
    ParticipantChanged,
    ParticipantLeft,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    HandsChanged,
    FloorChanged,
    RemarkAdded,
    AgendaMoved,
    StageChanged,
    RollChanged,
    RecordingStateChanged,
    MeetingChanged,
)
VOLATILE_EVENTS: tuple[type[VolatileEvent], ...] = (
    SpeakersChanged,
    SlotsChanged,
    MediaMoved,
    MuteRequested,
    CodecRequested,
    LayersRequested,
    GrantsChanged,
    RoomClosed,
)
