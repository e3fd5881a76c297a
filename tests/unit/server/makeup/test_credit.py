"""The judge of heartbeats: honest players get everything, others at most what time allows. Clock and dice are given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.makeup.credit import Timeline, Verdict, WatchState, judge, opened, settle
from server.makeup.intervals import Span, total
from server.record.rules import WatchCreditRule

RULE = WatchCreditRule()
HOUR = Timeline(3_600_000)


@dataclass(frozen=True)
class Claim:
    from_ms: int
    to_ms: int
    rate: float = 1.0
    visible: bool = True
    prompt_id: str | None = None


class FixedDice:
    """Prompts always after the shortest time."""

    def __init__(self) -> None:
        self.prompts = 0

    def prompt_id(self) -> str:
        self.prompts += 1
        return f"prompt-{self.prompts}"

    def between(self, low: int, high: int) -> int:
        assert low <= high
        return low


class Watcher:
    """A player and the server's memory of it. Times in seconds."""

    def __init__(self, timeline: Timeline = HOUR, rule: WatchCreditRule = RULE) -> None:
        self.timeline, self.rule, self.dice = timeline, rule, FixedDice()
        self.now_s: float = 1000.0
        self.coverage: tuple[Span, ...] = ()
        self.state = opened(self.now_ms, rule, self.dice, None)

    @property
    def now_ms(self) -> int:
        return round(self.now_s * 1000)

    def beat(
        self, wait_s: float, from_s: float, to_s: float, *, other_ms: int | None = None, **more: object
    ) -> Verdict:
        self.now_s += wait_s
        claim = replace(Claim(round(from_s * 1000), round(to_s * 1000)), **more)  # type: ignore[arg-type]
        verdict = judge(self.state, claim, self.now_ms, self.coverage, self.timeline, self.rule, other_ms, self.dice)
        self.state, self.coverage = verdict.state, verdict.coverage
        return verdict

    def play(self, from_s: float, to_s: float, rate: float = 1.0) -> None:
        """As our player does it: a heartbeat every 10 s of the wall."""
        at = from_s
        while at < to_s:
            until = min(at + 10 * rate, to_s)
            self.beat((until - at) / rate, at, until, rate=rate)
            at = until

    def reopen(self) -> None:
        self.state = opened(self.now_ms, self.rule, self.dice, self.state)


def test_a_short_lesson_is_credited_whole() -> None:
    watcher = Watcher(Timeline(60_000))
    watcher.play(0, 60)
    assert watcher.coverage == ((0, 60_000),)
    assert total(watcher.coverage) >= Timeline(60_000).required_ms(RULE) == 57_000
    assert watcher.dice.prompts == 0


def test_a_jump_leaves_a_hole() -> None:
    watcher = Watcher()
    watcher.play(0, 20)
    watcher.play(100, 120)
    assert watcher.coverage == ((0, 20_000), (100_000, 120_000))


def test_watching_again_adds_nothing() -> None:
    watcher = Watcher()
    for _ in range(3):
        watcher.play(0, 30)
    assert total(watcher.coverage) == 30_000


def test_claims_longer_than_the_time_that_passed_are_trimmed() -> None:
    verdict = Watcher().beat(10, 0, 600)
    assert verdict.coverage == ((0, 14_000),)  # 10 s × 1.1 + 3 s
    assert (verdict.refused_ms, verdict.refused_reason) == (586_000, "too_fast")


def test_slack_is_given_once_however_many_heartbeats_come() -> None:
    watcher = Watcher()
    for n in range(100):
        watcher.beat(0.01, n * 3, n * 3 + 3)
    assert total(watcher.coverage) <= 1_000 * 1.1 + 3_000


def test_slack_does_not_come_back_with_a_new_session() -> None:
    watcher = Watcher()
    for n in range(50):
        watcher.beat(0.01, n * 3, n * 3 + 3)
        watcher.reopen()
    assert total(watcher.coverage) <= 500 * 1.1 + 500 + 3_000


def test_long_silence_counts_as_a_minute() -> None:
    verdict = Watcher().beat(3600, 0, 3600)
    assert total(verdict.coverage) == 69_000


@pytest.mark.parametrize(("rate", "credited"), [(1.5, 60_000), (1.51, 0), (2.0, 0)])
def test_rates_above_the_rule_count_for_nothing(rate: float, credited: int) -> None:
    watcher = Watcher()
    watcher.play(0, 60, rate)
    assert total(watcher.coverage) == credited


def test_a_hidden_page_counts_for_nothing_and_says_so() -> None:
    verdict = Watcher().beat(10, 0, 10, visible=False)
    assert (verdict.coverage, verdict.refused_ms, verdict.refused_reason) == ((), 10_000, "hidden")


def test_gaps_are_neither_credited_nor_required() -> None:
    timeline = Timeline(100_000, ((20_000, 40_000),))
    watcher = Watcher(timeline)
    watcher.play(0, 100)
    assert watcher.coverage == ((0, 20_000), (40_000, 100_000))
    assert timeline.required_ms(RULE) == 76_000


def test_what_lies_behind_the_end_is_cut_off_silently() -> None:
    verdict = Watcher(Timeline(9_900)).beat(10, 0, 10)
    assert (verdict.coverage, verdict.refused_ms, verdict.refused_reason) == (((0, 9_900),), 0, None)


def test_two_windows_at_once_earn_no_more_than_one() -> None:
    one, two = Watcher(), Watcher()
    two.now_s += 5
    credited = 0
    for n in range(20):
        other = one.state.credited_at_ms
        before = total(one.coverage) + total(two.coverage)
        one.beat(10, n * 10, n * 10 + 10, other_ms=two.state.credited_at_ms)
        two.beat(10, 1000 + n * 10, 1010 + n * 10, other_ms=one.state.credited_at_ms)
        credited += total(one.coverage) + total(two.coverage) - before
        assert other is None or other < one.now_ms
    assert credited <= 205_000 * 1.1 + 6_000


def test_nothing_is_credited_backwards() -> None:
    verdict = Watcher().beat(10, 20, 10)
    assert (verdict.coverage, verdict.refused_reason) == ((), None)


def test_a_clock_that_jumps_back_credits_only_the_slack() -> None:
    assert total(Watcher().beat(-500, 0, 10).coverage) == 3_000


# --- presence prompts -------------------------------------------------------------------------------------------------


def until_prompt(watcher: Watcher) -> int:
    """Plays to the first prompt; the second at which it came."""
    at = 0
    while watcher.state.prompt is None:
        watcher.play(at, at + 10)
        at += 10
    return at


def test_a_prompt_comes_after_eight_minutes_of_playing_not_of_pausing() -> None:
    watcher = Watcher()
    watcher.beat(7200, 0, 0)
    assert until_prompt(watcher) == 480


def test_an_answer_in_time_keeps_everything() -> None:
    watcher = Watcher()
    at = until_prompt(watcher)
    prompt = watcher.state.prompt
    assert prompt is not None
    watcher.beat(10, at, at + 10, prompt_id=prompt.prompt_id)
    assert (watcher.state.prompt, total(watcher.coverage)) == (None, 490_000)


def test_a_miss_drops_what_came_after_the_last_answer() -> None:
    watcher = Watcher()
    at = until_prompt(watcher)
    prompt = watcher.state.prompt
    assert prompt is not None
    watcher.beat(10, at, at + 10, prompt_id=prompt.prompt_id)
    answered = watcher.coverage
    while watcher.state.prompt is None:
        at += 10
        watcher.play(at, at + 10)
    verdict = watcher.beat(66, 0, 0)
    assert watcher.coverage == answered
    assert verdict.refused_reason == "prompt"
    assert verdict.refused_ms == total(verdict.dropped) > 0


def test_a_miss_never_drops_what_was_credited_before() -> None:
    watcher = Watcher()
    watcher.coverage = ((0, 200_000),)
    until_prompt(watcher)
    watcher.beat(66, 0, 0)
    assert watcher.coverage == ((0, 200_000),)


def test_a_wrong_or_late_answer_is_none() -> None:
    watcher = Watcher()
    until_prompt(watcher)
    watcher.beat(10, 0, 0, prompt_id="guessed")
    prompt = watcher.state.prompt
    assert prompt is not None
    verdict = watcher.beat(120, 0, 0, prompt_id=prompt.prompt_id)
    assert verdict.dropped


def test_a_reload_does_not_escape_the_prompt() -> None:
    watcher = Watcher()
    watcher.play(0, 400)
    watcher.reopen()
    watcher.play(400, 480)
    assert watcher.state.prompt is not None
    watcher.reopen()  # the page is loaded again while the prompt is open
    watcher.beat(10, 490, 500)
    assert watcher.state.prompt is not None
    watcher.beat(66, 0, 0)
    assert watcher.coverage == ()


def test_settling_before_the_deadline_changes_nothing() -> None:
    watcher = Watcher()
    until_prompt(watcher)
    verdict = settle(watcher.state, watcher.now_ms + 65_000, watcher.coverage, RULE, watcher.dice)
    assert (verdict.state, verdict.coverage) == (watcher.state, watcher.coverage)


def test_the_state_survives_its_storage() -> None:
    watcher = Watcher()
    until_prompt(watcher)
    assert WatchState.from_json(watcher.state.to_json()) == watcher.state


# --- whatever is claimed ----------------------------------------------------------------------------------------------

claims = st.lists(
    st.tuples(
        st.floats(0, 30),
        st.integers(0, 300_000),
        st.integers(0, 300_000),
        st.sampled_from([0.5, 1.0, 1.25, 1.5, 2.0, 16.0]),
        st.booleans(),
    ),
    max_size=30,
)


@given(claims)
def test_no_series_of_claims_earns_more_than_time_and_timeline_allow(
    series: list[tuple[float, int, int, float, bool]],
) -> None:
    timeline = Timeline(200_000, ((50_000, 60_000),))
    watcher = Watcher(timeline)
    began = watcher.now_s
    for wait_s, start, end, rate, visible in series:
        before = total(watcher.coverage)
        watcher.beat(wait_s, start / 1000, end / 1000, rate=rate, visible=visible)
        assert visible or total(watcher.coverage) == before
    elapsed_ms = (watcher.now_s - began) * 1000
    assert total(watcher.coverage) <= elapsed_ms * RULE.max_rate * 1.1 + 3_000 + len(series)
    assert all(0 <= a < b <= 200_000 and not a < 60_000 < b for a, b in watcher.coverage)
    assert total(watcher.coverage) <= total(timeline.playable)


@given(st.lists(st.floats(0.5, 10), min_size=1, max_size=30), st.floats(0.5, 1.5), st.integers(0, 400))
def test_an_honest_player_loses_nothing(waits: list[float], rate: float, jitter_ms: int) -> None:
    """Heartbeats at any moments, each late by the same network: whatever was really played is credited."""
    watcher = Watcher()
    watcher.now_s += jitter_ms / 1000
    at = 0.0
    for wait in waits:
        watcher.beat(wait, at, at + wait * rate, rate=rate)
        at += wait * rate
    assert total(watcher.coverage) >= round(at * 1000) - len(waits)
