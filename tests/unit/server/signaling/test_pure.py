"""Rate, acknowledgements, resume tokens, ordered delivery."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.events import MediaMoved, RoomClosed, SpeakersChanged
from server.signaling import notifier as notifier_module
from server.signaling.acks import SeatAcks
from server.signaling.notifier import Notifier
from server.signaling.rate import TokenBucket
from server.signaling.resume import ResumeClaims, ResumeTokens

KEY = b"k" * 32
CLAIMS = ResumeClaims("m" * 32, "n" * 32, "desktop", 123_456)


@given(st.lists(st.integers(0, 500), max_size=300))
def test_bucket_lets_through_burst_and_rate_and_no_more(gaps_ms: list[int]) -> None:
    bucket = TokenBucket(0, rate_per_s=20, burst=60)
    now = taken = 0
    for gap in gaps_ms:
        now += gap
        taken += bucket.take(now)
    assert taken <= 60 + now * 20 / 1000 + 1e-6
    if len(gaps_ms) <= 60:
        assert taken == len(gaps_ms)


async def test_acks_are_kept_and_bounded() -> None:
    acks = SeatAcks(kept=2)
    for name in ("a", "b", "c"):
        acks.begin(name)
        acks.end(name, {"ok": True, "name": name}, keep=True)
    assert acks.find("a") is None
    found = acks.find("c")
    assert found is not None
    assert await found == {"ok": True, "name": "c"}


async def test_a_failure_that_may_be_retried_is_not_kept() -> None:
    acks = SeatAcks()
    waiting = acks.begin("r")
    acks.end("r", {"ok": False}, keep=False)
    assert await waiting == {"ok": False}
    assert acks.find("r") is None


def test_resume_tokens_fit_and_come_back() -> None:
    tokens = ResumeTokens(KEY)
    text = tokens.make(CLAIMS)
    assert len(text) <= 256
    assert tokens.read(text) == CLAIMS
    with pytest.raises(AppError) as caught:
        ResumeTokens(b"x" * 32).read(text)
    assert caught.value.code is ErrorCode.RESUME_EXPIRED


@given(st.data())
def test_no_bent_token_is_read(data: st.DataObject) -> None:
    tokens = ResumeTokens(KEY)
    text = tokens.make(CLAIMS)
    index = data.draw(st.integers(0, len(text) - 1))
    bent = text[:index] + data.draw(st.characters(codec="ascii")) + text[index + 1 :]
    try:
        assert tokens.read(bent) == CLAIMS  # only another spelling of the same bits
    except AppError as error:
        assert error.code is ErrorCode.RESUME_EXPIRED


class Wires:
    """Remembers, with a pause at each step so that disorder would show."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, ...]] = []

    async def _step(self, *step: str) -> None:
        await asyncio.sleep(0)
        self.steps.append(step)

    async def emit(self, event: str, data: dict[str, Any], to: str) -> None:
        if "boom" in str(data):
            raise OSError("broken pipe")
        await self._step("emit", event, to)

    async def enter(self, sid: str, group: str) -> None:
        await self._step("enter", sid, group)

    async def leave(self, sid: str, group: str) -> None:
        await self._step("leave", sid, group)

    async def disconnect(self, sid: str) -> None:
        await self._step("disconnect", sid)

    def silent_ms(self, sid: str) -> int:
        return 0


async def until(wires: Wires, count: int) -> None:
    end = time.monotonic() + 10
    while len(wires.steps) < count:
        assert time.monotonic() < end, f"only {wires.steps}"
        await asyncio.sleep(0.005)


async def test_delivery_is_in_order_and_survives_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier_module, "FAREWELL_S", 0)
    wires = Wires()
    notifier = Notifier(wires)
    notifier.publish("m", MediaMoved())
    notifier.subscribe("m", "s1")
    notifier.publish("m", SpeakersChanged(participant_ids=("boom",)))
    notifier.tell("m", "s1", SpeakersChanged(participant_ids=()))
    notifier.dismiss("m", "s1", RoomClosed(code=ErrorCode.REMOVED, reason="x"))
    await until(wires, 6)
    assert wires.steps == [
        ("emit", "media.moved", "room:m"),
        ("enter", "s1", "room:m"),
        ("emit", "speakers.changed", "s1"),
        ("leave", "s1", "room:m"),
        ("emit", "room.closed", "s1"),
        ("disconnect", "s1"),
    ]
    await notifier.close()
    notifier.publish("m", MediaMoved())
    assert len(wires.steps) == 6


async def test_an_idle_room_costs_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier_module, "IDLE_S", 0.01)
    wires = Wires()
    notifier = Notifier(wires)
    notifier.publish("m", MediaMoved())
    await until(wires, 1)
    end = time.monotonic() + 10
    while notifier._lines:
        assert time.monotonic() < end, "the idle room keeps its task"
        await asyncio.sleep(0.005)
    notifier.publish("m", MediaMoved())
    await until(wires, 2)
    await notifier.close()
