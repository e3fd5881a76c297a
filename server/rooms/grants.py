"""What a role may do in a room, and which rule each command has. Pure; a command without a rule cannot be sent."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from media.control import Grants, Source
from server.protocol.models import Publishing, RoomGrants, RoomRole

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
    "quality.choose": "anyone",
    "ice.servers": "anyone",
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
    "participant.allow": "moderate",
    "participant.remove": "moderate",
    "participant.readmit": "moderate",
    "recording.pause": "moderate",
    "recording.resume": "moderate",
}

# What an encoder sends. It has no page that could say so: it is announced with it.
ENCODER_SOURCES: tuple[Source, ...] = ("microphone", "camera")
_SHARERS = frozenset({RoomRole.HOST, RoomRole.RECORDER, RoomRole.LECTURER})


def room_grants(role: RoomRole, withheld: Collection[Publishing] = ()) -> RoomGrants:
    """Observers look and listen. ``withheld``: what the host has taken from this one."""
    taking_part = role is not RoomRole.OBSERVER
    return RoomGrants(
        publish_audio=taking_part and "audio" not in withheld,
        publish_video=taking_part and "video" not in withheld,
        share_screen=role in _SHARERS and "screen" not in withheld,
        remark=taking_part,
        moderate=role is RoomRole.HOST,
    )


def companion_grants(device: str, withheld: Collection[Publishing] = ()) -> RoomGrants:
    """Second devices look and listen; an encoder sends sound and a picture besides."""
    sends = device == "encoder"
    return RoomGrants(
        publish_audio=sends and "audio" not in withheld,
        publish_video=sends and "video" not in withheld,
        share_screen=False,
        remark=False,
        moderate=False,
    )


def media_grants(grants: RoomGrants) -> Grants:
    """The same, as the media worker enforces it on packets."""
    return Grants(audio=grants.publish_audio, video=grants.publish_video, screen=grants.share_screen)


def publishing(source: Source) -> Publishing:
    """Under which grant a source stands."""
    match source:
        case "microphone":
            return "audio"
        case "camera":
            return "video"
        case "screen" | "screen_audio":
            return "screen"


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


def may_publish(grants: RoomGrants, source: Source) -> bool:
    return bool(getattr(media_grants(grants), publishing(source)))
