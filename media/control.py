"""The control channel between the server and a media worker (Socket.IO namespace ``/media``).

A worker connects to the server with ``auth = WorkerAuth``. Calls go from server to worker and are acknowledged with
``{"ok": true, "data": …}`` or ``{"ok": false, "error": {"code", "message"}}``. Events go from worker to server.
The Socket.IO event name is the literal ``NAME`` of the model. All models forbid unknown fields; times are integer ms
(UTC unless the name says otherwise), ids are opaque strings.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

NAMESPACE = "/media"

Source = Literal["microphone", "camera", "screen", "screen_audio"]
SOURCES: tuple[Source, ...] = ("microphone", "camera", "screen", "screen_audio")
Kind = Literal["audio", "video"]


class ControlModel(BaseModel):
    """Base of every message of the control channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MediaErrorCode(StrEnum):
    """Why a worker refused a call."""

    BAD_SDP = "bad_sdp"  # the offer cannot be parsed or is over 64 KiB
    NO_USABLE_MEDIA = "no_usable_media"  # no m-line with a codec that the SFU forwards
    UNKNOWN_ROOM = "unknown_room"
    UNKNOWN_PARTICIPANT = "unknown_participant"
    ROOM_FULL = "room_full"
    BAD_REQUEST = "bad_request"
    INTERNAL = "internal_error"


class Grants(ControlModel):
    """What a participant may publish. A source that is not granted is dropped at the transport and counted."""

    audio: bool = False
    video: bool = False
    screen: bool = False


class QualityLevel(StrEnum):
    """The low-bandwidth ladder, best first. Each rung keeps what stands below it."""

    FULL = "full"  # every picture that is asked for
    STAGE = "stage"  # the first picture only
    STILLS = "stills"  # no moving picture; the client fetches stills of the stage over HTTP
    AUDIO = "audio"
    TEXT = "text"  # nothing from the media worker: remarks, votes and roll go over signaling


class SlotInfo(ControlModel):
    """One m-line on which the server sends to the client."""

    mid: str
    kind: Kind
    publication_id: str | None = None  # video only; audio slots follow the speakers by themselves
    paused: bool = False  # wanted, but left out for want of bandwidth


class WantedPicture(ControlModel):
    """A publication whose video the client shows, and how high in device pixels (0: as large as it comes)."""

    publication_id: str
    height_px: int = Field(default=0, ge=0, le=8192)


class ParticipantMedia(ControlModel):
    """What a worker knows of one participant; part of ``worker.hello`` after a server restart. That is one message
    for all rooms, so it is short: slots, which clients ask for anyway, would fill it."""

    participant_id: str
    state: TransportState
    sources: tuple[Source, ...] = ()  # those that carry packets now


class RoomMedia(ControlModel):
    """``primary`` and ``link`` as in ``RoomOpen`` and ``RoomOpened``."""

    room_id: str
    tap: str
    link: str = ""
    primary: bool = True
    participants: tuple[ParticipantMedia, ...] = ()


class TransportState(StrEnum):
    """Liveness of one transport: ``unstable`` after 4.9 s and ``away`` after 15 s without media or STUN."""

    NEW = "new"
    CONNECTED = "connected"
    UNSTABLE = "unstable"
    AWAY = "away"
    CLOSED = "closed"


class WorkerAuth(ControlModel):
    """Socket.IO ``auth`` payload of a worker. ``token`` is the shared ``WORKER_TOKEN``."""

    token: str
    worker_id: str


# --- calls: server → worker -------------------------------------------------------------------------------------------


class RoomOpen(ControlModel):
    """Idempotent. Answer: ``RoomOpened``. A big room is open on several workers: the primary one is recorded and says
    who speaks; ``max_participants`` holds for each."""

    NAME: ClassVar[str] = "room.open"
    room_id: str
    max_participants: int = 50
    primary: bool = True


class RoomOpened(ControlModel):
    tap: str  # "unix:/path" or "tcp:host:port", where a recorder connects (media/tap.py)
    link: str = ""  # the same for other workers of the room (media/links/wire.py)


class RoomLink(ControlModel):
    """The links of the other workers that carry this room now; replaces what was said before."""

    NAME: ClassVar[str] = "room.link"
    room_id: str
    peers: tuple[str, ...]
    primary: bool


class RoomClose(ControlModel):
    NAME: ClassVar[str] = "room.close"
    room_id: str


class TransportOffer(ControlModel):
    """A browser's offer. m-lines: microphone, camera, screen, screen audio (all sendonly), then slots (recvonly).

    A second offer of the same participant with the same DTLS fingerprint is an ICE restart of the living transport.
    With another fingerprint it is a new connection of the same seat: the old path is kept until the new one carries
    media. Answer: ``TransportAnswer``. Errors: bad_sdp, no_usable_media, unknown_room, room_full.
    """

    NAME: ClassVar[str] = "transport.offer"
    room_id: str
    participant_id: str
    sdp: str = Field(max_length=65536)
    grants: Grants


class TransportAnswer(ControlModel):
    sdp: str
    sources: dict[Source, str]  # source → mid
    slots: tuple[SlotInfo, ...]


class TransportClose(ControlModel):
    NAME: ClassVar[str] = "transport.close"
    room_id: str
    participant_id: str


class GrantsSet(ControlModel):
    """Takes effect on the next packet."""

    NAME: ClassVar[str] = "grants.set"
    room_id: str
    participant_id: str
    grants: Grants


class ViewSet(ControlModel):
    """The pictures that the client shows, most important first: the first is the stage. Answer: ``ViewAssigned``.

    The worker sends of each the smallest layer that fills its height, as far as the viewer's bandwidth goes, and tells
    ``slots.changed`` when it leaves one out or takes it in again. It keeps a slot that already carries a wanted
    publication, fills free slots in order, and drops what does not fit. A publication id is
    ``participant_id + ":" + source``; it may be wanted before its first packet.
    """

    NAME: ClassVar[str] = "view.set"
    room_id: str
    participant_id: str
    pictures: tuple[WantedPicture, ...] = Field(max_length=32)


class ViewAssigned(ControlModel):
    slots: tuple[SlotInfo, ...]


class QualitySet(ControlModel):
    """The lowest rung that the participant chose by hand: the worker sends no more than that. None: as much as fits."""

    NAME: ClassVar[str] = "quality.set"
    room_id: str
    participant_id: str
    level: QualityLevel | None


class PublicationEnd(ControlModel):
    """The client has withdrawn this source. The recorder need not wait for its silence; packets that were still on
    their way are dropped. The next ones, after half a second, are a new track. Nothing happens when there is none.
    """

    NAME: ClassVar[str] = "publication.end"
    room_id: str
    publication_id: str


class KeyframeRequest(ControlModel):
    """Asks the publisher for a keyframe (merged and throttled as all PLI)."""

    NAME: ClassVar[str] = "keyframe.request"
    room_id: str
    publication_id: str


# --- events: worker → server ------------------------------------------------------------------------------------------


class WorkerHello(ControlModel):
    """First event after each connect, acknowledged. Rooms that the server does not want any more are closed by it."""

    NAME: ClassVar[str] = "worker.hello"
    worker_id: str
    version: str
    rooms: tuple[RoomMedia, ...] = ()


class TransportChanged(ControlModel):
    NAME: ClassVar[str] = "transport.changed"
    room_id: str
    participant_id: str
    state: TransportState


class PublicationMedia(ControlModel):
    """A publication's first packet came, or none for 3 s (microphone: DTX sends at least every 400 ms)."""

    NAME: ClassVar[str] = "publication.media"
    room_id: str
    publication_id: str
    flowing: bool
    codec: str  # "H264", "VP8", "opus"


class PublicationCodecWanted(ControlModel):
    """Somebody who watches cannot take the present codec, or nobody needs another than H.264 any more.

    Sent once and again every 5 s until the publication's codec has changed; only for codecs that its client offered.
    """

    NAME: ClassVar[str] = "publication.codec_wanted"
    room_id: str
    publication_id: str
    codec: Literal["H264", "VP8"]


class PublicationLayersWanted(ControlModel):
    """These encodings (by rid, of those that the client offered) are looked at; the others need not be sent.

    Sent on change: at once when one is needed, after 3 s when none needs it any more, and again every 5 s while what
    comes differs. Empty: nobody looks. A publication that rests so keeps ``flowing``. Only for simulcast and
    for sources with a single encoding (rid "").
    """

    NAME: ClassVar[str] = "publication.layers_wanted"
    room_id: str
    publication_id: str
    rids: tuple[str, ...]


class SlotsChanged(ControlModel):
    """Slots of one participant whose ``paused`` has changed."""

    NAME: ClassVar[str] = "slots.changed"
    room_id: str
    participant_id: str
    slots: tuple[SlotInfo, ...]


class QualityChanged(ControlModel):
    """The rung on which a participant is now. ``chosen``: by hand. ``budget_bps``: what the worker may send him, 0
    while it is not known."""

    NAME: ClassVar[str] = "quality.changed"
    room_id: str
    participant_id: str
    level: QualityLevel
    chosen: bool
    budget_bps: int


class SpeakersChanged(ControlModel):
    """Loudest first, at most three (RFC 6464 levels, smoothed). Sent on change only."""

    NAME: ClassVar[str] = "speakers.changed"
    room_id: str
    participant_ids: tuple[str, ...]


class WorkerStats(ControlModel):
    """Every 5 s: counters since the start of the process (for /healthz and metrics)."""

    NAME: ClassVar[str] = "worker.stats"
    worker_id: str
    counters: dict[str, int]


ParticipantMedia.model_rebuild()
RoomMedia.model_rebuild()
WorkerHello.model_rebuild()
