"""Commands of a client in a room. Socket.IO event name = ``NAME``; every one is acknowledged with ``Ack``."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from server.protocol.base import Command, Message
from server.protocol.events import AnyRoomEvent
from server.protocol.models import (
    DeviceKind,
    IceServer,
    QualityLevel,
    RemarkInfo,
    RollEntry,
    RoomGrants,
    RoomSnapshot,
    SlotInfo,
    Source,
    WantedPicture,
)

Id = str


class ConnectAuth(Message):
    """Socket.IO ``auth`` payload: a fresh ticket, or the resume token of a seat that the client already had.

    ``companion`` (with a ticket): as a second device that only watches, beside the one that holds the seat. Refused
    with ``conflict`` when no device holds it. Without ``companion`` a ticket takes the seat over ("speak here").
    """

    protocol: int
    ticket: str | None = Field(default=None, max_length=2048)
    resume_token: str | None = Field(default=None, max_length=256)
    device: DeviceKind = "desktop"
    companion: bool = False


class RoomJoined(Message):
    """Either ``snapshot`` or, when the client's last revision is still known, the ``missed`` events after it.

    A ``companion`` has no resume token (""): it leaves with its socket and comes back with a new ticket.
    """

    participant_id: Id
    resume_token: str
    grants: RoomGrants
    revision: int
    server_ms: int
    companion: bool = False
    snapshot: RoomSnapshot | None = None
    missed: tuple[AnyRoomEvent, ...] | None = None


class RoomJoin(Command):
    """First command after connecting. ``last_revision`` only after a reconnect of the same page."""

    NAME: ClassVar[str] = "room.join"
    ANSWER: ClassVar = RoomJoined
    last_revision: int | None = None


class RoomLeave(Command):
    NAME: ClassVar[str] = "room.leave"


class MeetingStart(Command):
    """Host: the meeting is live from now on; recording begins by itself for the types that require it."""

    NAME: ClassVar[str] = "meeting.start"


class MeetingEnd(Command):
    """Host: closes the room for everybody, ends the recording, assembles the ledger entry."""

    NAME: ClassVar[str] = "meeting.end"


class TransportAnswered(Message):
    sdp: str
    sources: dict[Source, str]  # source → mid
    slots: tuple[SlotInfo, ...]


class TransportOffer(Command):
    """One offer, one answer. Again for an ICE restart, more slots, or after ``media.moved``."""

    NAME: ClassVar[str] = "transport.offer"
    ANSWER: ClassVar = TransportAnswered
    sdp: str = Field(max_length=60000)


class PublicationAdd(Command):
    """The client begins to send this source (after ``replaceTrack``). Again: no change."""

    NAME: ClassVar[str] = "publication.add"
    source: Source
    muted: bool = False


class PublicationMute(Command):
    NAME: ClassVar[str] = "publication.mute"
    source: Source
    muted: bool


class PublicationRemove(Command):
    NAME: ClassVar[str] = "publication.remove"
    source: Source


class ViewAnswered(Message):
    slots: tuple[SlotInfo, ...]


class ViewSet(Command):
    """The pictures that are shown, most important first; the first is the stage. None while the tab is hidden."""

    NAME: ClassVar[str] = "view.set"
    ANSWER: ClassVar = ViewAnswered
    pictures: tuple[WantedPicture, ...] = Field(max_length=32)


class QualityChoose(Command):
    """The most that the participant wants of the low-bandwidth ladder, by hand; None: as much as fits. Kept for the
    seat until another device takes it over."""

    NAME: ClassVar[str] = "quality.choose"
    level: QualityLevel | None


class IceServersAnswered(Message):
    """Empty where the installation has no TURN server. Good for ``ttl_s``; ask again before a later ICE restart."""

    servers: tuple[IceServer, ...]
    ttl_s: int


class IceServers(Command):
    """TURN servers and a short-lived credential, for networks that let nothing else through."""

    NAME: ClassVar[str] = "ice.servers"
    ANSWER: ClassVar = IceServersAnswered


class SignedIn(Message):
    entry: RollEntry


class SignIn(Command):
    """签到 of oneself; apart from joining."""

    NAME: ClassVar[str] = "sign_in.self"
    ANSWER: ClassVar = SignedIn


class SignInProxy(Command):
    """代录: host or recorder ticks a member of the roll who sits at a site; who ticked stands on the record."""

    NAME: ClassVar[str] = "sign_in.proxy"
    ANSWER: ClassVar = SignedIn
    member_id: Id


class RemarkPosted(Message):
    remark: RemarkInfo


class RemarkPost(Command):
    """A remark on the record, 1 to 1,000 characters."""

    NAME: ClassVar[str] = "remark.post"
    ANSWER: ClassVar = RemarkPosted
    text: str = Field(min_length=1, max_length=1000)


class HandRaise(Command):
    """Raising twice keeps the place."""

    NAME: ClassVar[str] = "hand.raise"


class HandLower(Command):
    """One's own hand, or (host) another's."""

    NAME: ClassVar[str] = "hand.lower"
    participant_id: Id | None = None


class FloorGive(Command):
    """Host: 请发言. Takes the hand down and opens a spoken remark."""

    NAME: ClassVar[str] = "floor.give"
    participant_id: Id


class FloorEnd(Command):
    """Host, or the one who has the floor."""

    NAME: ClassVar[str] = "floor.end"


class AgendaMove(Command):
    """Host or recorder: this item is discussed now; None: none is."""

    NAME: ClassVar[str] = "agenda.move"
    item_id: Id | None


class StagePin(Command):
    """Host: this publication is the stage for everybody and in the recording; None: follow the speakers."""

    NAME: ClassVar[str] = "stage.pin"
    publication_id: Id | None


class ParticipantMute(Command):
    """Host: mutes a participant's microphone (never unmutes)."""

    NAME: ClassVar[str] = "participant.mute"
    participant_id: Id


class ParticipantAllow(Command):
    """Host: what a participant may publish, of what the role gives. What is taken ends at once and stays taken through
    reconnects, until it is given back."""

    NAME: ClassVar[str] = "participant.allow"
    participant_id: Id
    audio: bool
    video: bool
    screen: bool


class ParticipantRemove(Command):
    """Host: out of the room, and kept out of it (``removed``) until readmitted."""

    NAME: ClassVar[str] = "participant.remove"
    participant_id: Id


class ParticipantReadmit(Command):
    """Host: takes a removal back. The member comes with a new ticket. Not removed: no change."""

    NAME: ClassVar[str] = "participant.readmit"
    member_id: Id


class RecordingPause(Command):
    NAME: ClassVar[str] = "recording.pause"


class RecordingResume(Command):
    NAME: ClassVar[str] = "recording.resume"


COMMANDS: tuple[type[Command], ...] = (
    RoomJoin,
    RoomLeave,
    MeetingStart,
    MeetingEnd,
    TransportOffer,
    PublicationAdd,
    PublicationMute,
    PublicationRemove,
    ViewSet,
    QualityChoose,
    IceServers,
    SignIn,
    SignInProxy,
    RemarkPost,
    HandRaise,
    HandLower,
    FloorGive,
    FloorEnd,
    AgendaMove,
    StagePin,
    ParticipantMute,
    ParticipantAllow,
    ParticipantRemove,
    ParticipantReadmit,
    RecordingPause,
    RecordingResume,
)
