"""The chain: canonical form, links, and that no changed byte goes unseen."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.meeting_log.chain import GENESIS, canonical, event_hash, link, verify
from server.meeting_log.types import LoggedEvent


def _chain(payloads: list[dict[str, Any]]) -> list[LoggedEvent]:
    events: list[LoggedEvent] = []
    for at_ms, payload in enumerate(payloads):
        last = events[-1] if events else None
        events.append(link(last, "m", "remark", payload, actor="a" if at_ms % 2 else None, at_ms=at_ms))
    return events


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)
payload_lists = st.lists(st.dictionaries(st.text("xyz", max_size=3), json_values, max_size=3), min_size=1, max_size=6)


def test_canonical_is_sorted_and_tight() -> None:
    assert canonical({"b": 1, "a": ["会", None]}) == '{"a":["会",null],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


@given(payload_lists)
def test_hash_is_sha256_of_the_canonical_object(payloads: list[dict[str, Any]]) -> None:
    for event in _chain(payloads):
        body = {**event._asdict(), "payload": json.loads(event.payload)}
        del body["hash"]
        assert event.hash == hashlib.sha256(canonical(body).encode()).hexdigest()


@given(payload_lists)
def test_honest_chain_verifies(payloads: list[dict[str, Any]]) -> None:
    events = _chain(payloads)
    assert events[0].prev_hash == GENESIS
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert verify(events) is None


@given(payload_lists, st.data())
def test_any_change_is_found_where_it_is(payloads: list[dict[str, Any]], data: st.DataObject) -> None:
    events = _chain(payloads)
    index = data.draw(st.integers(0, len(events) - 1))
    field = data.draw(st.sampled_from(["at_ms", "type", "actor", "payload", "prev_hash", "hash", "seq", "meeting_id"]))
    old = getattr(events[index], field)
    if isinstance(old, int):
        new: Any = old + data.draw(st.integers(1, 1000))
    else:
        new = data.draw(st.text("ab0 ", min_size=1, max_size=70).filter(lambda text: text != old))
    changed = [*events[:index], events[index]._replace(**{field: new}), *events[index + 1 :]]
    bad = verify(changed)
    # A changed meeting id of the first event is its own law; then its hash tells.
    assert bad == index + 1


@given(payload_lists.filter(lambda payloads: len(payloads) > 1), st.data())
def test_missing_and_swapped_events_are_found(payloads: list[dict[str, Any]], data: st.DataObject) -> None:
    events = _chain(payloads)
    index = data.draw(st.integers(0, len(events) - 2))
    assert verify(events[:index] + events[index + 1 :]) == index + 1
    assert verify([*events[:index], events[index + 1], events[index], *events[index + 2 :]]) == index + 1


def test_white_space_in_a_payload_is_a_change() -> None:
    event = _chain([{"a": 1}])[0]
    assert verify([event._replace(payload='{"a": 1}')]) == 1
    assert event_hash(*event[:7]) == event.hash
