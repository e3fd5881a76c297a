"""One run through each weak network: what is done to the member's network, and the figures that the pages then show.

Times in the results are seconds; shares are percent. Targets stand in weak_targets.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from tests.e2e.actors import Actor
from tests.e2e.installation import until
from tests.e2e.lesson import sees
from tests.e2e.stream_watch import Moment, Watch, interruption_end_ms
from tests.e2e.weak_stage import WeakStage, is_connected, now_ms
from tests.netsim.profiles import BLACKHOLE, CLEAR, PROFILES, TUNNEL_S

Figures = dict[str, Any]
CALM_S = 3.0  # on the clear network between two profiles
AFTER_S = 8.0  # what is looked at after a tunnel or a switch
DEADLINE_S = 60.0  # of what must happen at all


async def joining(stage: WeakStage) -> Figures:
    """How the member's way began (on the good network): from the first frame to the first of the top layer."""
    top = await top_layer(stage)
    await until("the member sees the top layer", lambda: _reaches(stage.at_member, 0, top), DEADLINE_S)
    found = stage.at_member.moments
    first = next(moment for moment in found if moment.totals["frames"] > 0)
    best_ms = _first(stage.at_member, 0, lambda moment: moment.height >= top)
    return {"top_layer_s": _seconds(best_ms - first.at_ms)}


async def steady(stage: WeakStage, name: str, seconds: float, settle_s: float = 0.0) -> Figures:
    """A profile that stays as it is. ``settle_s`` at its beginning are not counted."""
    await _calm(stage)
    began_ms = await stage.impair(PROFILES[name])
    await asyncio.sleep(settle_s + seconds)
    found = await stage.figures(began_ms + settle_s * 1000, now_ms())
    return {way: stretch.report() for way, stretch in found.items()}


async def edge(stage: WeakStage, seconds: float, settle_s: float) -> Figures:
    """A link that shrinks under a good picture, and widens again."""
    await _calm(stage)
    top = await top_layer(stage)
    await until("the member sees the top layer", lambda: _reaches(stage.at_member, now_ms() - 1000, top), DEADLINE_S)
    began_ms = await stage.impair(PROFILES["edge"])
    await asyncio.sleep(settle_s + seconds)
    found = await stage.figures(began_ms, now_ms())
    settled = await stage.figures(began_ms + settle_s * 1000, now_ms())
    lower_ms = _last(stage.at_member, began_ms, lambda moment: moment.height >= top)
    cleared_ms = await stage.impair(CLEAR)
    await until("the top layer is back", lambda: _reaches(stage.at_member, cleared_ms, top), DEADLINE_S)
    return {
        **{way: stretch.report() for way, stretch in found.items()},
        "settled": {way: stretch.report() for way, stretch in settled.items()},
        "stepped_down_s": _seconds(lower_ms - began_ms),
        "stepped_up_s": _seconds(_first(stage.at_member, cleared_ms, lambda m: m.height >= top) - cleared_ms),
    }


async def tunnel(stage: WeakStage) -> Figures:
    """Nothing comes through for ten seconds."""
    await _calm(stage)
    await stage.impair(PROFILES["tunnel"])
    await asyncio.sleep(CALM_S)
    before = await stage.member.participant_id()
    await stage.impair(BLACKHOLE)
    stage.signaling.hold()
    await asyncio.sleep(TUNNEL_S)
    stage.signaling.mend()
    ended_ms = await stage.impair(PROFILES["tunnel"])
    back = await media_back_s(stage, ended_ms)
    return {**back, "seat_kept": await stage.member.participant_id() == before}


async def switch(stage: WeakStage) -> Figures:
    """The member's address changes; nothing in the page tells of it."""
    await _calm(stage)
    await stage.impair(PROFILES["switch"])
    await asyncio.sleep(CALM_S)
    before = await stage.member.participant_id()
    moved_ms = await stage.move()
    back = await media_back_s(stage, moved_ms)
    return {**back, "seat_kept": await stage.member.participant_id() == before}


async def udp_blocked(stage: WeakStage, newcomer: Actor) -> Figures:
    """Somebody comes in whose network lets only TCP to the server through."""
    await stage.impair(CLEAR)
    await stage.network.shape(None, PROFILES["udp-blocked"])
    stage.tcp.mend()
    watch = await Watch.begin(newcomer.page)
    await newcomer.open(f"/meetings/{stage.meeting_id}/lobby")
    await newcomer.see("join-button").wait_for()
    asked_ms = now_ms()
    await newcomer.see("join-button").click()
    await until(f"{newcomer.name} is connected", partial(is_connected, newcomer), DEADLINE_S)
    await until(f"{newcomer.name} sees the others", partial(sees, newcomer, 2), DEADLINE_S)
    await watch.fetch()
    stage.tcp.cut()
    return {
        "by_tcp": watch.samples[-1]["tcp"],
        "sees_after_s": _seconds(_first(watch, asked_ms, lambda _: True) - asked_ms),
        "hears_after_s": _seconds(_heard(watch, asked_ms) - asked_ms),
    }


async def media_back_s(stage: WeakStage, event_ms: float) -> Figures:
    """After an interruption: when picture and sound grow again, at the member and at the host, whichever is last."""
    ways = {"down": stage.at_member, "up": stage.at_host}
    ends: dict[str, float] = {}

    async def all_back() -> bool:
        await stage.fetch()
        for way, watch in ways.items():
            for counter in ("frames", "packets"):
                ends[f"{way} {counter}"] = interruption_end_ms(watch.moments, counter, event_ms)
        is_late = now_ms() - event_ms >= AFTER_S * 1000
        return is_late and max(ends.values()) < float("inf")

    try:
        await until("media is back both ways", all_back, DEADLINE_S)
    except AssertionError as error:
        error.add_note(f"went on at, while the interruption began at {event_ms}: {ends}")
        raise
    seconds = {name: _seconds(ended_ms - event_ms) for name, ended_ms in ends.items()}
    return {"back_s": max(seconds.values()), "ways": seconds}


async def top_layer(stage: WeakStage) -> int:
    """The least height of the top layer. Chromium makes its picture smaller while it begins, yet never as small as the
    next layer, which has half the height of the camera."""
    await stage.fetch()
    heights = [line["height"] for sample in stage.at_host.samples for line in sample["sent"] if line["kind"] == "video"]
    return max(heights, default=0) // 2 + 1


async def _calm(stage: WeakStage) -> None:
    await stage.clear()
    await asyncio.sleep(CALM_S)


async def _reaches(watch: Watch, since_ms: float, height: int) -> bool:
    await watch.fetch()
    return _first(watch, since_ms, lambda moment: moment.height >= height) < float("inf")


def _shown(watch: Watch, since_ms: float, test: Callable[[Moment], bool]) -> list[float]:
    """When frames with this property came."""
    found = watch.moments
    return [b.at_ms for a, b in pairwise(found) if b.at_ms >= since_ms and (b - a)["frames"] > 0 and test(b)]


def _first(watch: Watch, since_ms: float, test: Callable[[Moment], bool]) -> float:
    return min(_shown(watch, since_ms, test), default=float("inf"))


def _last(watch: Watch, since_ms: float, test: Callable[[Moment], bool]) -> float:
    return max(_shown(watch, since_ms, test), default=since_ms)


def _heard(watch: Watch, since_ms: float) -> float:
    """When sound came for the first time."""
    found = watch.moments
    return next((m.at_ms for m in found if m.at_ms >= since_ms and m.totals["samples"] > 0), float("inf"))


def _seconds(ms: float) -> float:
    return round(ms / 1000, 2)
