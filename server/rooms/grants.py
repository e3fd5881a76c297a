"""What a role may do in a room, and which rule each command has. Pure; a command without a rule cannot be sent."""

from __future__ import annotations

from typing import Literal

from media.control import Grants, Source
from server.protocol.models import RoomGrants, RoomRole

Rule = Literal["anyone", "speaker", "remark", "moderate", "keep_record"]

# anyone: observers too. speaker: who may be heard. remark: who may write on the record. moderate: the host.
# keep_record: host and recorder. Whether somebody acts on himself or on another is asked in the action itself.
COMMAND_RULES: dict[str, Rule] = {
    "room.join": "anyone",
    "room.leave": "anyone",
    "meeting.start": "moderate",
    "meeting.end": "moderate",
    "transport.offer": "anyone",
    "publication.add": "anyone",  # each source has its own grant
    "publication.mute": "anyone",
    "publication.remove": "anyone",
    "view.set": "anyone",
    "sign_in.self": "remark",
    "sign_in.proxy": "keep_record",
    "remark.post": "remark",
    "hand.raise": "speaker",
    "hand.lower": "speaker",
    "floor.give": "moderate",
    "floor.end": "speaker",
    "agenda.move": "keep_record",
    "stage.pin": "moderate",
    "participant.mute": "moderate",
    "participant.remove": "moderate",
    "participant.readmit": "moderate",
    "recording.pause": "moderate",
    "recording.resume": "moderate",
}

_SHARERS = frozenset({RoomRole.HOST, RoomRole.RECORDER, RoomRole.LECTURER})


def room_grants(role: RoomRole) -> RoomGrants:
    """Observers look and listen."""
    taking_part = role is not RoomRole.OBSERVER
    return RoomGrants(
        publish_audio=taking_part,
        publish_video=taking_part,
        share_screen=role in _SHARERS,
        remark=taking_part,
        moderate=role is RoomRole.HOST,
    )


def media_grants(role: RoomRole) -> Grants:
    """The same, as the media worker enforces it on packets."""
    grants = room_grants(role)
    return Grants(audio=grants.publish_audio, video=grants.publish_video, screen=grants.share_screen)


def may_command(role: RoomRole, command: str) -> bool:
    """Deny by default."""
    grants = room_grants(role)
    match COMMAND_RULES.get(command):
        case "anyone":
            return True
        case "speaker":
            return grants.publish_audio
        case "remark":
            return grants.remark
        case "moderate":
            return grants.moderate
        case "keep_record":
            return role in (RoomRole.HOST, RoomRole.RECORDER)
        case None:
            return False


def may_publish(role: RoomRole, source: Source) -> bool:
    grants = room_grants(role)
    match source:
        case "microphone":
            return grants.publish_audio
        case "camera":
            return grants.publish_video
        case "screen" | "screen_audio":
            return grants.share_screen
