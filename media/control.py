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


class SlotInfo(ControlModel):
    """One m-line on which the server sends to the client."""

    mid: str
    kind: Kind
    publication_id: str | None = None  # video only; audio slots follow the speakers by themselves


class ParticipantMedia(ControlModel):
    """What a worker knows of one participant; part of ``worker.hello`` after a server restart."""

    participant_id: str
    state: TransportState
    sources: tuple[Source, ...] = ()  # those that carry packets now
    slots: tuple[SlotInfo, ...] = ()


class RoomMedia(ControlModel):
    room_id: str
    tap: str
    participants: tuple[ParticipantMedia, ...] = ()


class TransportState(StrEnum):
    """Liveness of one transport: ``unstable`` after 6 s and ``away`` after 15 s without media or STUN."""

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
    """Idempotent. Answer: ``RoomOpened``."""

    NAME: ClassVar[str] = "room.open"
    room_id: str
    max_participants: int = 50


class RoomOpened(ControlModel):
    tap: str  # "unix:/path" or "tcp:host:port", where a recorder connects (media/tap.py)


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
    """The publications whose video the client shows, most important first. Answer: ``ViewAssigned``.

    The worker keeps a slot that already carries a wanted publication, fills free slots in order, and drops what does
    not fit. A publication id is ``participant_id + ":" + source``; it may be wanted before its first packet.
    """

    NAME: ClassVar[str] = "view.set"
    room_id: str
    participant_id: str
    publication_ids: tuple[str, ...] = Field(max_length=32)


class ViewAssigned(ControlModel):
    slots: tuple[SlotInfo, ...]


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
