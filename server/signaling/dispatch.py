"""From a raw message to its acknowledgement: size, rate, name, shape, seat, rights, handler. Nothing gets out but acks.

Every refusal has a stable code and a counter; an exception that nobody foresaw is logged under an id.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from server.auth.rate import RateLimit
from server.auth.turn import TurnServers
from server.clock import Clock
from server.error_map import error_info, wrong_fields
from server.errors import AppError, ForbiddenError
from server.protocol.base import MAX_MESSAGE_BYTES, Ack, Command
from server.protocol.codes import ErrorCode
from server.protocol.commands import COMMANDS, IceServers, RoomJoin, RoomLeave, ViewSet
from server.rooms.companions import COMPANION_COMMANDS
from server.rooms.grants import may_command
from server.rooms.registry import RoomRegistry
from server.signaling.acks import SeatAcks
from server.signaling.handlers import HANDLERS
from server.signaling.handlers.call import Call
from server.signaling.resume import ResumeTokens
from server.signaling.session import Session
from server.telemetry.counters import count

PATIENCE = 500  # refusals for rate before the connection is ended
# Of all participants of a room together; the burst lets a whole lesson sign in at the host's word.
ROOM_PER_S = 200
ROOM_BURST = 600
# What leaves no trace in the log has a bound of its own: when the speaker changes, a whole lesson looks elsewhere.
_TRACELESS = frozenset({"view.set", "transport.offer", "quality.choose", "ice.servers"})
TRACELESS_PER_S = 1000
TRACELESS_BURST = 3000

_BY_NAME = {command.NAME: command for command in COMMANDS}
# Answers of the first two belong to one connection: the same request id after a reconnect must do the work again. The
# others may be done twice, and are asked so often that a long lesson's answers would fill the memory.
_NOT_KEPT = (RoomJoin, RoomLeave, ViewSet, IceServers)


class Dispatcher:
    """One for all sessions."""

    def __init__(self, rooms: RoomRegistry, tokens: ResumeTokens, clock: Clock, turn: TurnServers) -> None:
        self._rooms = rooms
        self._turn = turn
        self._tokens = tokens
        self._clock = clock
        self._acks: dict[tuple[str, str], SeatAcks] = {}  # by meeting and participant
        self._room_limit = RateLimit(ROOM_PER_S, ROOM_BURST)
        self._traceless_limit = RateLimit(TRACELESS_PER_S, TRACELESS_BURST)

    async def handle(self, session: Session, name: str, args: tuple[Any, ...]) -> dict[str, Any]:
        """Always an Ack as a plain object."""
        session.heard_ms = self._clock.monotonic_ms()
        try:
            command = self._parse(session, name, args)
            return await self._once(session, command)
        except Exception as error:
            return _failed(error)

    def _parse(self, session: Session, name: str, args: tuple[Any, ...]) -> Command:
        if not session.bucket.take(session.heard_ms):
            session.refused += 1
            raise AppError(ErrorCode.RATE_LIMITED, "slower, please", retryable=True)
        limit = self._traceless_limit if name in _TRACELESS else self._room_limit
        if not limit.allow(session.room.meeting_id, session.heard_ms):
            count("rooms_flooded")
            raise AppError(ErrorCode.RATE_LIMITED, "too much at once in this room", retryable=True)
        if name not in _BY_NAME:
            raise AppError(ErrorCode.UNKNOWN_COMMAND, f"no command {name[:64]!r}")
        if len(args) != 1 or not isinstance(args[0], dict):
            raise AppError(ErrorCode.BAD_REQUEST, "a command has one object as its argument")
        if _size_bytes(args[0]) > MAX_MESSAGE_BYTES:
            raise AppError(ErrorCode.MESSAGE_TOO_LARGE, f"at most {MAX_MESSAGE_BYTES} bytes")
        try:
            return _BY_NAME[name].model_validate(args[0])
        except ValidationError as error:
            raise AppError(ErrorCode.BAD_REQUEST, "not well formed", fields=wrong_fields(error)) from error

    async def _once(self, session: Session, command: Command) -> dict[str, Any]:
        self._check_seat(session, command)
        if session.seat is None or isinstance(command, _NOT_KEPT):
            return await self._answer(session, command)
        key = (session.room.meeting_id, session.seat.participant_id)
        acks = self._acks.setdefault(key, SeatAcks())
        if (running := acks.find(command.request_id)) is not None:
            count("commands_repeated")
            return await running
        acks.begin(command.request_id)
        answer: dict[str, Any] = {}
        try:
            answer = await self._answer(session, command)
        except Exception as error:
            answer = _failed(error)
        finally:
            again = not answer or (not answer["ok"] and answer["error"]["retryable"])
            acks.end(command.request_id, answer, keep=not again)
        return answer

    def _check_seat(self, session: Session, command: Command) -> None:
        if session.gone:
            raise AppError(ErrorCode.NOT_JOINED, "the connection has ended")
        if isinstance(command, RoomJoin):
            if session.seat is not None and not session.holds_seat():
                raise AppError(ErrorCode.REPLACED, "the seat is held by another connection")
            return
        if session.seat is None:
            raise AppError(ErrorCode.NOT_JOINED, "room.join comes first")
        if not session.holds_seat():
            raise AppError(*_why_gone(session))
        if session.companion and command.NAME not in COMPANION_COMMANDS:
            raise AppError(ErrorCode.COMPANION, "a second device only watches")
        # Read again at every command: what the host takes away is gone at once.
        role = session.room.role_of(session.member_id)
        if role is None or not may_command(role, command.NAME):
            raise ForbiddenError(f"no right to {command.NAME}")

    async def _answer(self, session: Session, command: Command) -> dict[str, Any]:
        call = Call(session, command, self._rooms, self._tokens, self._clock, self._turn)
        data = await HANDLERS[type(command)](call)
        return Ack(ok=True, data=data.model_dump(mode="json") if data is not None else None).model_dump(mode="json")

    def forget_the_gone(self) -> None:
        """Acknowledgements of rooms that are closed, and of second devices that left, are not needed any more."""
        for key in [key for key in self._acks if not self._is_known(*key)]:
            del self._acks[key]

    def _is_known(self, meeting_id: str, participant_id: str) -> bool:
        room = self._rooms.get(meeting_id)
        return room is not None and (participant_id in room.participants or participant_id in room.companions)


def _why_gone(session: Session) -> tuple[ErrorCode, str]:
    seat = session.seat
    if session.room.is_over:
        return ErrorCode.ROOM_CLOSED, "the meeting is over"
    if seat is not None and seat.left_reason == "removed":
        return ErrorCode.REMOVED, "the host removed you"
    if seat is not None and seat.connection is not None:
        return ErrorCode.REPLACED, "the seat is held by another connection"
    return ErrorCode.NOT_JOINED, "the seat was given up"


def _failed(error: Exception) -> dict[str, Any]:
    return Ack(ok=False, error=error_info(error)).model_dump(mode="json")


def _size_bytes(payload: dict[str, Any]) -> int:
    """As it was sent."""
    try:
        return len(json.dumps(payload, ensure_ascii=False).encode())
    except (TypeError, ValueError):  # binary attachments, lone surrogates
        raise AppError(ErrorCode.BAD_REQUEST, "a command is plain JSON") from None
