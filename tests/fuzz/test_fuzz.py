"""Each target with its corpus, with a fixed stream of mutations, and with whatever Hypothesis thinks of."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import fuzz
from tests.fuzz.mutation import MAX_SIZE, mutate
from tests.fuzz.targets import TARGETS

EACH = pytest.mark.parametrize("name", list(TARGETS))
RUNS = 1500
RUNS_SLOW = 100
SLOW = ("sdp", "uplink")  # a thousand times the size of the others


@EACH
def test_the_corpus_is_understood(name: str) -> None:
    """Seeds are real: most of them must be accepted, or mutations of them would test nothing but the first check."""
    target = TARGETS[name]
    accepted = 0
    corpus = target.corpus()
    assert corpus != [b""], "there is a corpus"
    for data in corpus:
        try:
            target.run(data)
            accepted += 1
        except target.may_raise:
            continue
    assert accepted > len(corpus) // 2


@EACH
def test_mutations_raise_nothing_else(name: str) -> None:
    found: dict[str, Any] = fuzz(TARGETS[name], RUNS_SLOW if name in SLOW else RUNS, seed=7)
    assert not found["failures"]
    assert found["accepted"], "some mutations get past the first checks"


@EACH
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(st.data())
def test_anything_raises_nothing_else(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    corpus = target.corpus()
    seed = data.draw(st.sampled_from(corpus))
    head = data.draw(st.binary(max_size=60))
    cut = data.draw(st.integers(0, min(len(seed), 200)))
    try:
        target.run(seed[:cut] + head + seed[cut + len(head) :])
        target.run(head)
    except target.may_raise:
        return


def test_mutations_follow_from_the_seed_and_stay_small() -> None:
    corpus = [bytes(range(200)), b"", b"abc"]
    first = [mutate(random.Random(number), corpus[number % 3], corpus) for number in range(200)]
    again = [mutate(random.Random(number), corpus[number % 3], corpus) for number in range(200)]
    assert first == again
    assert max(map(len, first)) <= MAX_SIZE
    assert len(set(first)) > 100


def test_what_must_not_be_raised_is_kept(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from tests.fuzz import __main__ as runner

    def broken(data: bytes) -> None:
        raise IndexError

    monkeypatch.setattr(runner, "OUTPUT", tmp_path)
    found: dict[str, Any] = fuzz(replace(TARGETS["rtp"], run=broken), 100, seed=1)
    assert len(found["failures"]) == runner.MAX_FAILURES
    assert len(list(tmp_path.iterdir())) >= 1
