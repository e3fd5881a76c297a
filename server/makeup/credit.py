"""Judges heartbeats of a watch session: how much of what a player claims to have played is credited. Pure.

recording.md §5: the server is the judge. It believes no more media than its own clock allows, only in a visible page,
at an allowed speed, outside of the recording's gaps, and never twice at once for the same person. This stops careless
scripts, not a determined forger; the raw heartbeats are kept as evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from server.makeup.intervals import Span, clipped, first, merged, subtracted, total
from server.record.rules import WatchCreditRule

SLACK_MS = 3_000  # timers and networks are not exact
TOLERANCE_PERCENT = 110
LONGEST_SILENCE_MS = 60_000  # a heartbeat is due every 10 s: longer silence counts as this much
ANSWER_GRACE_MS = 5_000  # the answer travels, too


class Beat(Protocol):
    """What a heartbeat claims (server/protocol/http.py, Heartbeat)."""

    @property
    def from_ms(self) -> int: ...
    @property
    def to_ms(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def visible(self) -> bool: ...
    @property
    def prompt_id(self) -> str | None: ...


class Dice(Protocol):
    """Randomness, injected."""

    def prompt_id(self) -> str: ...

    def between(self, low: int, high: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """「您还在学习吗？」 asked and not yet answered."""

    prompt_id: str
    answer_by_ms: int


@dataclass(frozen=True, slots=True)
class WatchState:
    """What a session remembers between heartbeats. ``since_answer``: credited since a person last answered."""

    heard_ms: int  # server time of the last heartbeat (or the start)
    slack_ms: int = SLACK_MS
    until_prompt_ms: int = 0  # of playing, to the next prompt
    prompt: Prompt | None = None
    since_answer: tuple[Span, ...] = ()
    position_ms: int = 0
    credited_at_ms: int | None = None  # when this session was last given anything

    def to_json(self) -> dict[str, Any]:
        return {
            "heard_ms": self.heard_ms,
            "slack_ms": self.slack_ms,
            "until_prompt_ms": self.until_prompt_ms,
            "prompt": [self.prompt.prompt_id, self.prompt.answer_by_ms] if self.prompt else None,
            "since_answer": [list(span) for span in self.since_answer],
            "position_ms": self.position_ms,
            "credited_at_ms": self.credited_at_ms,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WatchState:
        prompt = data["prompt"]
        return cls(
            heard_ms=data["heard_ms"],
            slack_ms=data["slack_ms"],
            until_prompt_ms=data["until_prompt_ms"],
            prompt=Prompt(prompt[0], prompt[1]) if prompt else None,
            since_answer=tuple((start, end) for start, end in data["since_answer"]),
            position_ms=data["position_ms"],
            credited_at_ms=data["credited_at_ms"],
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """The recording: [0, duration) without its gaps."""

    duration_ms: int
    gaps: tuple[Span, ...] = ()

    @property
    def playable(self) -> list[Span]:
        return subtracted([(0, self.duration_ms)], self.gaps)

    def required_ms(self, rule: WatchCreditRule) -> int:
        """So many distinct milliseconds close the task; gaps are not asked for."""
        return -(-total(self.playable) * rule.share_percent // 100)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``coverage``: the member's union after this heartbeat."""

    state: WatchState
    coverage: tuple[Span, ...]
    refused_ms: int = 0
    refused_reason: str | None = None
    dropped: tuple[Span, ...] = field(default=())


def judge(
    state: WatchState,
    beat: Beat,
    at_ms: int,
    coverage: Iterable[Span],
    timeline: Timeline,
    rule: WatchCreditRule,
    other_credited_ms: int | None,
    dice: Dice,
) -> Verdict:
    """``other_credited_ms``: when another session of the same person was last credited, or None."""
    settled = settle(state, at_ms, coverage, rule, dice)
    state, union = settled.state, list(settled.coverage)
    claimed = [(beat.from_ms, beat.to_ms)] if beat.from_ms < beat.to_ms else []
    playable = clipped(claimed, 0, timeline.duration_ms)
    unflagged = subtracted(playable, timeline.gaps)
    state, granted, reason = _grant(state, beat, at_ms, unflagged, rule, other_credited_ms)
    if reason is None and total(unflagged) < total(playable):
        reason = "gap"
    if reason is None and settled.dropped:
        reason = "prompt"
    refused_ms = total(playable) - total(granted) + total(settled.dropped)
    fresh = subtracted(granted, union)
    state = replace(
        state,
        since_answer=tuple(merged([*state.since_answer, *fresh])),
        position_ms=min(beat.to_ms, timeline.duration_ms),
        until_prompt_ms=state.until_prompt_ms - round(total(granted) / beat.rate),
        credited_at_ms=at_ms if granted else state.credited_at_ms,
    )
    state = _ask(_hear_answer(state, beat, rule, dice), at_ms, bool(granted), rule, dice)
    return Verdict(state, tuple(merged([*union, *granted])), refused_ms, reason, settled.dropped)


def settle(state: WatchState, at_ms: int, coverage: Iterable[Span], rule: WatchCreditRule, dice: Dice) -> Verdict:
    """A prompt that nobody answered in time takes back what was credited since the last answer."""
    union = merged(coverage)
    if state.prompt is None or at_ms <= state.prompt.answer_by_ms + ANSWER_GRACE_MS:
        return Verdict(state, tuple(union))
    dropped = state.since_answer
    missed = replace(state, prompt=None, since_answer=(), until_prompt_ms=_next_prompt_ms(rule, dice))
    return Verdict(missed, tuple(subtracted(union, dropped)), total(dropped), "prompt", dropped)


def opened(at_ms: int, rule: WatchCreditRule, dice: Dice, before: WatchState | None) -> WatchState:
    """A new session. It goes on where the person's last one stood: a reload neither answers nor escapes a prompt."""
    if before is None:
        return WatchState(heard_ms=at_ms, until_prompt_ms=_next_prompt_ms(rule, dice))
    return replace(
        before,
        heard_ms=at_ms,
        slack_ms=min(SLACK_MS, before.slack_ms + max(at_ms - before.heard_ms, 0)),
        until_prompt_ms=0 if before.prompt is not None else before.until_prompt_ms,
        prompt=None,
        credited_at_ms=None,
    )


def _grant(
    state: WatchState,
    beat: Beat,
    at_ms: int,
    claimed: list[Span],
    rule: WatchCreditRule,
    other_credited_ms: int | None,
) -> tuple[WatchState, list[Span], str | None]:
    """What of the claim is believed. Slack that is left is kept, so that it is given once, not per heartbeat."""
    overlapped = (other_credited_ms or 0) > state.heard_ms
    since_ms = max(other_credited_ms or 0, state.heard_ms)
    elapsed_ms = min(max(at_ms - since_ms, 0), LONGEST_SILENCE_MS)
    state = replace(state, heard_ms=max(at_ms, state.heard_ms))
    if not beat.visible:
        return state, [], "hidden"
    if beat.rate > rule.max_rate:
        return state, [], "rate"
    budget_ms = int(elapsed_ms * beat.rate * TOLERANCE_PERCENT / 100) + (0 if overlapped else state.slack_ms)
    granted = first(claimed, budget_ms)
    slack_ms = min(SLACK_MS, budget_ms - total(granted))
    reason = None
    if total(granted) < total(claimed):
        reason = "overlap" if overlapped else "too_fast"
    return replace(state, slack_ms=slack_ms), granted, reason


def _hear_answer(state: WatchState, beat: Beat, rule: WatchCreditRule, dice: Dice) -> WatchState:
    """In time, because ``settle`` came first. Everything before it is then a person's."""
    if state.prompt is None or beat.prompt_id != state.prompt.prompt_id:
        return state
    return replace(state, prompt=None, since_answer=(), until_prompt_ms=_next_prompt_ms(rule, dice))


def _ask(state: WatchState, at_ms: int, playing: bool, rule: WatchCreditRule, dice: Dice) -> WatchState:
    """Only somebody who is playing is asked."""
    if state.prompt is not None or state.until_prompt_ms > 0 or not playing:
        return state
    return replace(state, prompt=Prompt(dice.prompt_id(), at_ms + rule.prompt_answer_ms))


def _next_prompt_ms(rule: WatchCreditRule, dice: Dice) -> int:
    return dice.between(rule.prompt_after_min_ms, rule.prompt_after_max_ms)
