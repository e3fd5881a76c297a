"""Records that several messages share: the room as its participants see it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from media.control import QualityLevel, SlotInfo, Source, WantedPicture
from server.protocol.base import Message

__all__ = ["QualityLevel", "SlotInfo", "Source", "WantedPicture"]


class MeetingType(StrEnum):
    """domain.md §2.1."""

    GENERAL_MEETING = "general_meeting"
    COMMITTEE_MEETING = "committee_meeting"
    GROUP_MEETING = "group_meeting"
    PARTY_LESSON = "party_lesson"
    THEME_DAY = "theme_day"
    ORG_LIFE_MEETING = "org_life_meeting"
    MEMBER_APPRAISAL = "member_appraisal"


class MeetingState(StrEnum):
    """``interrupted``: the server died in it and nobody came back; the host resumes or ends it."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    CANCELLED = "cancelled"


class RoomRole(StrEnum):
    """A participant's part in this meeting."""

    HOST = "host"
    RECORDER = "recorder"
    LECTURER = "lecturer"
    MEMBER = "member"
    OBSERVER = "observer"


class Presence(StrEnum):
    """From signaling and media liveness together."""

    PRESENT = "present"
    UNSTABLE = "unstable"
    AWAY = "away"


class RoomGrants(Message):
    publish_audio: bool
    publish_video: bool
    share_screen: bool
    remark: bool
    moderate: bool  # agenda, floor, stage, mute, remove, start, end


DeviceKind = Literal["desktop", "phone", "site"]
Publishing = Literal["audio", "video", "screen"]  # what the host can take from a participant


class ParticipantInfo(Message):
    """``companion_of``: this is a second device of that participant's member. It only watches, is not counted, stands
    on no roll; its seat may not be (any more) in the room. ``withheld``: taken away by the host."""

    participant_id: str
    member_id: str
    name: str
    role: RoomRole
    presence: Presence
    joined_ms: int
    device: str  # "desktop", "phone", "site"; of companions also "encoder", "player"
    signed_in: bool
    quality: QualityLevel = QualityLevel.FULL  # the rung on which the media worker serves it now
    withheld: tuple[Publishing, ...] = ()
    companion_of: str | None = None


class PublicationInfo(Message):
    """``publication_id`` is ``participant_id + ":" + source``. ``flowing``: packets arrive at the media worker."""

    publication_id: str
    participant_id: str
    source: Source
    muted: bool
    flowing: bool


class IceServer(Message):
    """As ``RTCIceServer`` of browsers."""

    urls: tuple[str, ...]
    username: str
    credential: str


class HandInfo(Message):
    participant_id: str
    raised_ms: int


class FloorInfo(Message):
    """Who has been given the floor (请发言)."""

    participant_id: str
    since_ms: int


class RemarkInfo(Message):
    """``kind``: "text", or "spoken" for a turn on the floor (``until_ms`` set when it ended)."""

    remark_id: str
    participant_id: str
    member_id: str
    name: str
    kind: str = Field(pattern="^(text|spoken)$")
    text: str
    at_ms: int
    until_ms: int | None = None


class AgendaItemInfo(Message):
    item_id: str
    title: str
    planned_minutes: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None


class AgendaInfo(Message):
    items: tuple[AgendaItemInfo, ...]
    current_item_id: str | None = None


class RollEntry(Message):
    """One expected member. ``method``: "self" or "proxy" (then ``signed_in_by`` names who ticked it)."""

    member_id: str
    name: str
    has_vote: bool
    signed_in_ms: int | None = None
    method: str | None = None
    signed_in_by: str | None = None
    leave_reason: str | None = None


class RollInfo(Message):
    expected: int
    signed_in: int
    expected_voting: int
    signed_in_voting: int
    entries: tuple[RollEntry, ...] = ()


class RecordingInfo(Message):
    """``state`` as in recordings.control.RecordingState, or "off"."""

    recording_id: str | None
    state: str
    since_ms: int | None = None
    code: str | None = None


class RoomMeeting(Message):
    meeting_id: str
    title: str
    type: MeetingType
    state: MeetingState
    organisation_name: str
    host_name: str
    lecturer_name: str | None
    scheduled_start_ms: int
    scheduled_end_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    quorum_percent: int | None = None  # None: the type has no quorum


class RoomSnapshot(Message):
    """The whole room at ``revision``; later events apply on top."""

    revision: int
    server_ms: int
    meeting: RoomMeeting
    participants: tuple[ParticipantInfo, ...]
    publications: tuple[PublicationInfo, ...]
    hands: tuple[HandInfo, ...]
    floor: FloorInfo | None
    remarks: tuple[RemarkInfo, ...]  # the last 200
    agenda: AgendaInfo
    pinned_publication_id: str | None
    roll: RollInfo
    recording: RecordingInfo
    speakers: tuple[str, ...] = ()
