"""Workers that come, go and come back, in every order: where rooms and seats stay, and who hears of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from media import control
from media.control import Grants, ParticipantMedia, RoomMedia, TransportState, WorkerHello
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.workers import media as media_module
from server.workers.carriers import RoomLimits
from server.workers.media import MediaWorkers

TOKEN = "t"
WITHIN_S = 3.0


class Clock:
    """Stands still."""

    def now_ms(self) -> int:
        return 0

    def monotonic_ms(self) -> int:
        return 0


class Line:
    """Stands where the Socket.IO server is: every worker answers as it should, but those that are ``stuck``."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.stuck: set[str] = set()

    def register_namespace(self, _namespace: Any) -> None: ...

    async def call(self, name: str, data: dict[str, Any], *, to: str, **_options: Any) -> dict[str, Any]:
        self.calls.append((to, name, data))
        if to in self.stuck:
            return {"ok": False, "error": {"code": "internal_error"}}
        match name:
            case control.RoomOpen.NAME:
                return {"ok": True, "data": {"tap": f"unix:/{to}", "link": f"unix:/{to}.link"}}
            case control.TransportOffer.NAME:
                return {"ok": True, "data": {"sdp": f"v=0 {to}", "sources": {}, "slots": []}}
        return {"ok": True}

    def said(self, to: str, name: str) -> list[dict[str, Any]]:
        return [data for sid, called, data in self.calls if (sid, called) == (to, name)]


class Listener:
    """Wants every room; keeps what it hears."""

    def __init__(self) -> None:
        self.moved: list[tuple[str, tuple[str, ...] | None]] = []
        self.adopted: list[tuple[str, tuple[str, ...]]] = []
        self.transports: list[tuple[str, TransportState]] = []

    def wants_media(self, _room_id: str) -> bool:
        return True

    async def handle_adopted(
        self, room_id: str, participants: tuple[ParticipantMedia, ...], is_elsewhere: Callable[[str], bool]
    ) -> None:
        self.adopted.append((room_id, tuple(one.participant_id for one in participants)))

    async def handle_moved(self, room_id: str, participant_ids: tuple[str, ...] | None) -> None:
        self.moved.append((room_id, participant_ids))

    async def handle_transport(self, event: control.TransportChanged) -> None:
        self.transports.append((event.participant_id, event.state))

    def handle_flow(self, event: Any) -> None: ...

    def handle_codec_wanted(self, event: Any) -> None: ...

    def handle_layers_wanted(self, event: Any) -> None: ...

    def handle_slots(self, event: Any) -> None: ...

    async def handle_quality(self, event: Any) -> None: ...

    def handle_speakers(self, event: Any) -> None: ...


class Hall:
    """The workers' side of a server; a worker's connection is named after it."""

    def __init__(self, spread_at: int) -> None:
        self.line, self.listener = Line(), Listener()
        self.workers = MediaWorkers(TOKEN, Clock(), RoomLimits(spread_at=spread_at))
        self.workers.attach(self.line, self.listener)

    async def hello(self, worker_id: str, *rooms: RoomMedia) -> None:
        self.workers.handle_connect(worker_id, {"token": TOKEN, "worker_id": worker_id})
        await self.workers.handle_hello(worker_id, WorkerHello(worker_id=worker_id, version="1", rooms=rooms))

    async def offer(self, participant_id: str) -> str:
        """The worker that took it."""
        answer = await self.workers.offer("r", participant_id, "v=0", Grants())
        return answer.sdp.split(" ")[1]

    async def until(self, what: Callable[[], Any], message: str) -> None:
        deadline_s = time.monotonic() + WITHIN_S
        while not what():
            if time.monotonic() > deadline_s:
                pytest.fail(f"not so: {message}")
            await asyncio.sleep(0.001)


def carried(*participant_ids: str, primary: bool) -> RoomMedia:
    """As a worker tells of it when it comes."""
    participants = tuple(
        ParticipantMedia(participant_id=one, state=TransportState.CONNECTED) for one in participant_ids
    )
    return RoomMedia(room_id="r", tap="unix:/t", link="unix:/l", primary=primary, participants=participants)


@pytest.fixture
async def hall(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    """One room may have two participants on a worker."""
    monkeypatch.setattr(media_module, "COMEBACK_S", 0.02)
    monkeypatch.setattr(media_module, "MOVE_AGAIN_S", 0.02)
    made = Hall(spread_at=2)
    yield made
    await made.workers.close()


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_after_our_restart_the_primary_stays_it_whoever_comes_first(hall: Hall, order: tuple[str, str]) -> None:
    rooms = {"a": carried("p1", "p2", primary=True), "b": carried("p3", primary=False)}
    for worker_id in order:
        await hall.hello(worker_id, rooms[worker_id])
    assert await hall.workers.open_room("r") == "unix:/t"
    await hall.until(lambda: hall.line.said("b", control.RoomLink.NAME), "they are linked again")
    assert hall.line.said("a", control.RoomLink.NAME)[-1]["primary"] is True
    assert hall.line.said("b", control.RoomLink.NAME)[-1]["primary"] is False
    assert not hall.line.said("a", control.RoomClose.NAME)
    assert [await hall.offer(one) for one in ("p1", "p3")] == ["a", "b"]


async def test_after_our_restart_a_room_whose_primary_is_gone_gets_another(hall: Hall) -> None:
    await hall.hello("b", carried("p3", primary=False))
    assert await hall.offer("p1") == "b"
    assert hall.line.said("b", control.RoomLink.NAME)[-1]["primary"] is True


async def test_who_offers_while_the_worker_is_away_for_a_moment_takes_the_room_from_nobody(hall: Hall) -> None:
    await hall.hello("a")
    await hall.hello("b")
    assert await hall.offer("p1") == "a"
    hall.workers.handle_disconnect("a")
    with pytest.raises(AppError) as refused:
        await hall.offer("p2")
    assert (refused.value.code, refused.value.retryable) == (ErrorCode.MEDIA_UNAVAILABLE, True)
    await hall.hello("a", carried("p1", primary=True))
    assert await hall.offer("p2") == "a"
    assert not hall.line.said("b", control.RoomOpen.NAME)
    assert not hall.line.said("a", control.RoomClose.NAME)
    assert hall.listener.moved == []


async def test_who_offers_while_the_worker_dies_hides_it_from_nobody(hall: Hall) -> None:
    await hall.hello("a")
    await hall.hello("b")
    await hall.offer("p1")
    hall.workers.handle_disconnect("a")
    with pytest.raises(AppError):
        await hall.offer("p2")
    await hall.until(lambda: hall.listener.moved, "everybody hears of the move")
    assert hall.listener.moved == [("r", None)]
    assert await hall.offer("p1") == "b"


async def test_a_room_that_the_next_worker_does_not_take_is_offered_again(hall: Hall) -> None:
    taps: list[str] = []
    hall.workers.moved_listeners.append(taps.append)
    await hall.hello("a")
    await hall.hello("b")
    await hall.offer("p1")
    hall.line.stuck.add("b")
    hall.workers.handle_disconnect("a")
    await hall.until(lambda: len(hall.line.said("b", control.RoomOpen.NAME)) > 1, "it is tried more than once")
    assert hall.listener.moved == []
    hall.line.stuck.clear()
    await hall.until(lambda: hall.listener.moved, "everybody hears of the move")
    assert hall.listener.moved == [("r", None)]
    assert taps == ["r"]


async def test_a_room_without_a_home_that_an_offer_opened_stays_where_it_is(hall: Hall) -> None:
    await hall.hello("a")
    await hall.offer("p1")
    hall.workers.handle_disconnect("a")
    await hall.until(lambda: "r" in hall.workers._homeless, "no worker is there")
    hall.line.stuck.add("b")
    await hall.hello("b")
    await hall.until(lambda: hall.line.said("b", control.RoomOpen.NAME), "it was offered to the new one")
    hall.line.stuck.clear()
    assert await hall.offer("p1") == "b"
    await hall.hello("c")
    await hall.until(lambda: hall.listener.moved, "everybody hears of the move")
    assert await hall.offer("p2") == "b"
    assert not hall.line.said("c", control.RoomOpen.NAME)


async def test_one_worker_that_does_not_answer_keeps_a_closed_room_open_on_no_other(hall: Hall) -> None:
    await hall.hello("a")
    await hall.hello("b")
    assert [await hall.offer(one) for one in ("p1", "p2", "p3")] == ["a", "a", "b"]
    hall.line.stuck.add("a")
    with pytest.raises(AppError):
        await hall.workers.close_room("r")
    assert hall.line.said("b", control.RoomClose.NAME) == [{"room_id": "r"}]


async def test_what_a_worker_says_of_who_came_back_on_another_is_old(hall: Hall) -> None:
    await hall.hello("a")
    await hall.hello("b")
    assert [await hall.offer(one) for one in ("p1", "p2", "p3")] == ["a", "a", "b"]
    hall.workers.handle_disconnect("a")
    assert await hall.offer("p1") == "b"
    await hall.hello("a", carried("p1", "p2", primary=True))
    assert hall.listener.adopted == [("r", ("p2",))]
    await hall.until(lambda: hall.line.said("a", control.TransportClose.NAME), "its old transport is closed")
    for worker_id, state in (("a", TransportState.AWAY), ("b", TransportState.CONNECTED)):
        event = control.TransportChanged(room_id="r", participant_id="p1", state=state)
        await hall.workers.handle_event(worker_id, event.NAME, event.model_dump(mode="json"))
    assert hall.listener.transports == [("p1", TransportState.CONNECTED)]
    assert await hall.offer("p1") == "b"
