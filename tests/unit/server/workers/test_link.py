"""Calls to a worker: answers, refusals, nonsense, silence, and one that goes away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import socketio

from media.control import NAMESPACE, MediaErrorCode, RoomOpen, RoomOpened
from server.protocol.codes import ErrorCode
from server.workers.carriers import translate
from server.workers.link import WorkerCallError, WorkerLink, authenticated, parsed

OPEN = RoomOpen(room_id="m")


class Line:
    """Stands where the Socket.IO server is."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def call(self, *_args: Any, **_options: Any) -> Any:
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def link_to(answer: Any) -> WorkerLink:
    return WorkerLink("w", "s", NAMESPACE, Line(answer))


async def test_good_answer() -> None:
    opened = await link_to({"ok": True, "data": {"tap": "unix:/x"}}).call(OPEN, RoomOpened)
    assert opened.tap == "unix:/x"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"ok": False, "error": {"code": "room_full", "message": "50"}}, "room_full"),
        ({"ok": False}, "internal_error"),
        ({"ok": True, "data": {"tap": 5}}, None),
        ({"ok": True}, None),
        ("nonsense", None),
        (5, None),
        (socketio.exceptions.TimeoutError(), None),
    ],
)
async def test_bad_answers(answer: Any, code: str | None) -> None:
    with pytest.raises(WorkerCallError) as caught:
        await link_to(answer).call(OPEN, RoomOpened)
    assert caught.value.code == code


async def test_a_worker_that_goes_away_is_not_waited_for() -> None:
    link = link_to(None)
    call = asyncio.create_task(link.call(OPEN, RoomOpened))
    await asyncio.sleep(0)
    link.gone.set()
    with pytest.raises(WorkerCallError, match="went away"):
        await call


@pytest.mark.parametrize(
    "auth", [None, {}, "token", {"token": "", "worker_id": "w"}, {"token": "bad", "worker_id": "w"}]
)
@pytest.mark.parametrize("token", ["", "good"])
def test_wrong_tokens_are_refused(auth: Any, token: str) -> None:
    with pytest.raises(socketio.exceptions.ConnectionRefusedError):
        authenticated(auth, token)


def test_right_token_and_malformed_events() -> None:
    assert authenticated({"token": "good", "worker_id": "w"}, "good").worker_id == "w"
    assert parsed(RoomOpened, {"tap": 1}) is None


@pytest.mark.parametrize(
    ("code", "translated", "retryable"),
    [
        (MediaErrorCode.BAD_SDP, ErrorCode.BAD_SDP, False),
        (MediaErrorCode.NO_USABLE_MEDIA, ErrorCode.NO_USABLE_MEDIA, False),
        (MediaErrorCode.ROOM_FULL, ErrorCode.ROOM_FULL, False),
        (MediaErrorCode.UNKNOWN_PARTICIPANT, ErrorCode.CONFLICT, False),
        (MediaErrorCode.UNKNOWN_ROOM, ErrorCode.MEDIA_UNAVAILABLE, True),
        (MediaErrorCode.INTERNAL, ErrorCode.MEDIA_UNAVAILABLE, True),
        (None, ErrorCode.MEDIA_UNAVAILABLE, True),
    ],
)
def test_translation(code: str | None, translated: ErrorCode, retryable: bool) -> None:
    error = translate(WorkerCallError(code, "x"))
    assert (error.code, error.retryable) == (translated, retryable)
