"""One session of an encoder or a player: offered with a token, ended by DELETE, by revoking, or with the meeting."""

from __future__ import annotations

from typing import NamedTuple

from server.auth.rate import RateLimit
from server.errors import AppError, NotFoundError
from server.ingest.offers import Kind, is_whole, unacceptable
from server.ingest.tokens import Bearer, IngestTokens
from server.planning.door import door_is_open
from server.protocol.codes import ErrorCode
from server.rooms.devices import DeviceRole
from server.rooms.participant import Participant
from server.rooms.room import Room
from server.services import Services
from server.telemetry.counters import count

# A program that reconnects for ever after each failure.
OFFERS_PER_S, OFFERS_BURST = 0.5, 10
MAX_KNOWN = 10_000
_ROLES: dict[Kind, DeviceRole] = {"whip": "encoder", "whep": "player"}


class OpenedSession(NamedTuple):
    session_id: str
    answer: str


class IngestSessions:
    """Owns which session came with which token. After a restart it does not know, and revoking ends all of the
    member's."""

    def __init__(self, services: Services) -> None:
        self.tokens = IngestTokens(services.db, services.clock)
        self._services = services
        self._rate = RateLimit(OFFERS_PER_S, OFFERS_BURST)
        self._known: dict[str, tuple[str, Participant]] = {}  # by participant: the token that it came with

    async def open(self, kind: Kind, meeting_id: str, token: str, sdp: str) -> OpenedSession:
        """Raises AppError with the token's codes, RATE_LIMITED, REMOVED, BAD_SDP, NO_USABLE_MEDIA, those of the room,
        and MEDIA_UNAVAILABLE."""
        bearer = await self.tokens.bearer(token, meeting_id, kind)
        clock = self._services.clock
        if not self._rate.allow(bearer.token_id, clock.monotonic_ms()):
            raise AppError(
                ErrorCode.RATE_LIMITED, "too many offers with this token", retryable=True, fields={"retry_after_s": "2"}
            )
        self._refuse_removed(bearer.token_id)
        is_host = bearer.meeting.host_member_id == bearer.actor.member_id
        if not door_is_open(bearer.meeting, is_host=is_host, now_ms=clock.now_ms()):
            raise AppError(ErrorCode.MEETING_NOT_OPEN, "it is too early, or too late")
        if (reason := unacceptable(sdp, kind)) is not None:
            raise AppError(ErrorCode.NO_USABLE_MEDIA, reason)
        return await self._join(kind, bearer, sdp)

    async def _join(self, kind: Kind, bearer: Bearer, sdp: str) -> OpenedSession:
        rooms = self._services.rooms
        room = await rooms.enter(bearer.meeting.id)
        device = await rooms.devices.join_device(room, bearer.actor.member_id, _ROLES[kind], bearer.name)
        try:
            answer = await rooms.devices.offer(room, device, sdp)
            if not is_whole(answer.sdp):
                raise AppError(ErrorCode.NO_USABLE_MEDIA, "not every m-line can be taken: H.264 or VP8, Opus")
        except BaseException:
            await rooms.devices.leave_device(room, device.participant_id)
            raise
        self._remember(device, bearer.token_id)
        count(f"{kind}_sessions")
        return OpenedSession(device.participant_id, answer.sdp)

    async def close(self, kind: Kind, meeting_id: str, token: str, session_id: str) -> None:
        """DELETE. Raises AppError with the token's codes, NOT_FOUND."""
        bearer = await self.tokens.bearer(token, meeting_id, kind)
        room = self._room(meeting_id)
        device = self._services.rooms.devices.find(room, session_id)
        mine = self._is_of(session_id, bearer.token_id)
        if device.member_id != bearer.actor.member_id or device.device != _ROLES[kind] or not mine:
            raise NotFoundError("no such session")
        await self._services.rooms.devices.leave_device(room, session_id)
        self._known.pop(session_id, None)

    async def end_of_token(self, meeting_id: str, token_id: str, member_id: str) -> None:
        """It was revoked."""
        room = self._services.rooms.get(meeting_id)
        if room is None:
            return
        for device in room.companions_of(member_id):
            if device.is_device and self._is_of(device.participant_id, token_id):
                await self._services.rooms.devices.leave_device(room, device.participant_id)
                self._known.pop(device.participant_id, None)

    def _room(self, meeting_id: str) -> Room:
        room = self._services.rooms.get(meeting_id)
        if room is None:
            raise NotFoundError("no such session")
        return room

    def _refuse_removed(self, token_id: str) -> None:
        """Encoders come back by themselves within seconds: what the host removed needs a new token."""
        for known_id, device in self._known.values():
            if known_id == token_id and device.left_reason == "removed":
                raise AppError(ErrorCode.REMOVED, "the host removed what came in with this token")

    def _is_of(self, session_id: str, token_id: str) -> bool:
        known = self._known.get(session_id)
        return known is None or known[0] == token_id

    def _remember(self, device: Participant, token_id: str) -> None:
        self._known[device.participant_id] = (token_id, device)
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
