"""Property tests: a room rebuilt from its log is the same room, and a client that comes and goes misses nothing."""

# ruff: noqa: ARG005 (all steps have one shape)

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from media.control import QualityChanged, QualityLevel
from server.errors import AppError
from server.protocol.base import RoomEvent
from server.protocol.models import RoomSnapshot
from server.rooms.participant import Participant
from server.rooms.revisions import Revisions
from server.rooms.room import Room
from server.rooms.snapshot import snapshot
from server.rooms.transitions import apply
from tests.unit.server.rooms.conftest import PEOPLE, Hall, make_definition


def _rung(who: Participant, level: QualityLevel) -> QualityChanged:
    return QualityChanged(room_id="m", participant_id=who.participant_id, level=level, chosen=False, budget_bps=100_000)


Step = Callable[[Hall, Participant, Participant], Awaitable[object]]
STEPS: dict[str, Step] = {
    "sign_in": lambda hall, who, other: hall.conduct.sign_in(hall.room, who),
    "proxy": lambda hall, who, other: hall.conduct.sign_in_proxy(hall.room, who, other.member_id),
    "remark": lambda hall, who, other: hall.conduct.post_remark(hall.room, who, "话", f"r{hall.clock.now}"),
    "raise": lambda hall, who, other: hall.conduct.raise_hand(hall.room, who),
    "lower": lambda hall, who, other: hall.conduct.lower_hand(hall.room, who, other.participant_id),
    "give": lambda hall, who, other: hall.conduct.give_floor(
        hall.room, who, other.participant_id, f"g{hall.clock.now}"
    ),
    "end_floor": lambda hall, who, other: hall.conduct.end_floor(hall.room, who),
    "agenda": lambda hall, who, other: hall.conduct.move_agenda(hall.room, who, "a1"),
    "agenda2": lambda hall, who, other: hall.conduct.move_agenda(hall.room, who, "a2"),
    "agenda0": lambda hall, who, other: hall.conduct.move_agenda(hall.room, who, None),
    "publish": lambda hall, who, other: hall.conduct.publish(hall.room, who, "microphone", muted=True),
    "mute": lambda hall, who, other: hall.conduct.mute(hall.room, who, "microphone", muted=True),
    "unmute": lambda hall, who, other: hall.conduct.mute(hall.room, who, "microphone", muted=False),
    "unpublish": lambda hall, who, other: hall.conduct.unpublish(hall.room, who, "microphone"),
    "mute_other": lambda hall, who, other: hall.conduct.mute_other(hall.room, who, other.participant_id),
    "pin": lambda hall, who, other: hall.conduct.pin_stage(hall.room, who, f"{other.participant_id}:microphone"),
    "allow_all": lambda hall, who, other: hall.conduct.allow(
        hall.room, who, other.participant_id, ["audio", "video", "screen"]
    ),
    "allow_video": lambda hall, who, other: hall.conduct.allow(hall.room, who, other.participant_id, ["video"]),
    "choose": lambda hall, who, other: hall.quality.choose(hall.room, who, QualityLevel.STAGE),
    "choose0": lambda hall, who, other: hall.quality.choose(hall.room, who, None),
    "listen": lambda hall, who, other: hall.quality.handle_changed(hall.room, _rung(who, QualityLevel.AUDIO)),
    "see": lambda hall, who, other: hall.quality.handle_changed(hall.room, _rung(who, QualityLevel.FULL)),
    "settle": lambda hall, who, other: hall.quality.sweep(hall.room),
    "leave": lambda hall, who, other: hall.seats.leave(hall.room, who),
    "drop": lambda hall, who, other: hall.seats.disconnect(hall.room, who.connection or "", 0),
    "join": lambda hall, who, other: hall.enter(who.member_id, f"c{hall.clock.now}"),
    "resume": lambda hall, who, other: hall.enter(who.member_id, f"c{hall.clock.now}", epoch=who.epoch),
    "second": lambda hall, who, other: hall.companions.join(hall.room, who.member_id, "phone", f"s{hall.clock.now}"),
    "second_goes": lambda hall, who, other: hall.companions.end_of_member(hall.room, other.member_id, "left", None),
    "encoder": lambda hall, who, other: hall.devices.join_device(hall.room, who.member_id, "encoder", "机"),
    "sweep": lambda hall, who, other: hall.seats.sweep(hall.room),
    "start": lambda hall, who, other: hall.start(),
}
members = st.sampled_from(sorted(PEOPLE))
plans = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), members, members, st.integers(1, 9_000)), max_size=40)


async def _live(hall: Hall, plan: list[tuple[str, str, str, int]], after_each: Callable[[], Awaitable[None]]) -> None:
    seats = {member: await hall.sit(member) for member in PEOPLE}
    await hall.start()
    await after_each()
    for name, who, other, ms in plan:
        hall.clock.advance(ms)
        with contextlib.suppress(AppError):  # refusals are not what this test is about
            await STEPS[name](hall, seats[who], seats[other])
        await after_each()


async def _nothing() -> None: ...


@settings(deadline=None, max_examples=60)
@given(plans)
def test_a_room_rebuilt_from_its_log_is_the_same_room(plan: list[tuple[str, str, str, int]]) -> None:
    hall = Hall()
    asyncio.run(_live(hall, plan, _nothing))
    rebuilt = Room(make_definition(), 0)
    for event in hall.log.events:
        apply(rebuilt, event)
    rebuilt.revisions = Revisions(hall.room.revisions.current)
    assert snapshot(rebuilt, 0) == snapshot(hall.room, 0)
    assert _kept(rebuilt) == _kept(hall.room)


def _kept(room: Room) -> dict[str, tuple[object, ...]]:
    """What no snapshot shows, but a restart must keep."""
    return {p: (s.epoch, s.withheld, s.quality, s.quality_cap) for p, s in room.participants.items()}


class Watcher:
    """A client that is cut off and comes back with its last revision; keeps what it saw, in order."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self.revision = hall.room.revisions.current
        self.seen: list[int] = []
        self.snapshots: list[RoomSnapshot] = []
        self._heard = 0

    def listen(self) -> None:
        """Everything that was published while connected arrives."""
        for event in self._hall.ears.published[self._heard :]:
            if isinstance(event, RoomEvent) and event.revision > self.revision:
                self._take(event)
        self._heard = len(self._hall.ears.published)

    def come_back(self) -> None:
        self._heard = len(self._hall.ears.published)
        missed = self._hall.room.revisions.after(self.revision)
        if missed is None:
            self.snapshots.append(snapshot(self._hall.room, 0))
            self.revision = self._hall.room.revisions.current
            return
        for event in missed:
            self._take(event)

    def _take(self, event: RoomEvent) -> None:
        assert event.revision == self.revision + 1, "an event was missed or came twice"
        self.revision = event.revision
        self.seen.append(event.revision)


@settings(deadline=None, max_examples=60)
@given(plans, st.lists(st.booleans(), min_size=41, max_size=41), st.integers(1, 12))
def test_who_comes_and_goes_sees_everything_once(
    plan: list[tuple[str, str, str, int]], connected: list[bool], kept: int
) -> None:
    hall = Hall()
    hall.room.revisions = Revisions(hall.clock.now, kept)
    watcher = Watcher(hall)
    turns = iter(connected)
    was = [True]

    async def after_each() -> None:
        now = next(turns)
        if now and not was[0]:
            watcher.come_back()
        elif now:
            watcher.listen()
        was[0] = now

    asyncio.run(_live(hall, plan, after_each))
    if was[0]:
        watcher.listen()
    else:
        watcher.come_back()
    assert watcher.revision == hall.room.revisions.current
    assert len(set(watcher.seen)) == len(watcher.seen)
