"""Refusals of the media worker. The code is stable API, the text is not."""

from __future__ import annotations

from media.control import MediaErrorCode


class MediaError(Exception):
    """A call that cannot be done, with the code that the server may act on."""

    def __init__(self, code: MediaErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def bad_sdp(cls, reason: str) -> MediaError:
        return cls(MediaErrorCode.BAD_SDP, f"the offer cannot be used: {reason}")

    @classmethod
    def no_usable_media(cls) -> MediaError:
        return cls(MediaErrorCode.NO_USABLE_MEDIA, "no m-line of the offer has a codec that is forwarded here")

    @classmethod
    def unknown_room(cls, room_id: str) -> MediaError:
        return cls(MediaErrorCode.UNKNOWN_ROOM, f"room {room_id} is not open on this worker")

    @classmethod
    def unknown_participant(cls, participant_id: str) -> MediaError:
        return cls(MediaErrorCode.UNKNOWN_PARTICIPANT, f"participant {participant_id} has no transport here")

    @classmethod
    def room_full(cls, limit: int) -> MediaError:
        return cls(MediaErrorCode.ROOM_FULL, f"the room holds {limit} participants already")
