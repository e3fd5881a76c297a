"""The verifier against hypothesis: whatever single value or character of a proof is changed, it is found."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.record.verify_offline import (
    EMPTY_MINUTES,
    FORMAT,
    canonical_json,
    content_sha256,
    main,
    problems,
    sha256_of,
)
from tests.unit.server.record.events import MEETING_ID, LogWriter
from tests.unit.server.record.samples import START_MS, lesson_facts, lesson_log

ENTRY = "e" * 32
SEGMENT: dict[str, Any] = {
    "recording_id": "f" * 32,
    "index": 0,
    "key": f"rec/{'f' * 32}/000000.m4s",
    "sha256": "ab" * 32,
    "start_ms": 0,
    "duration_ms": 4000,
    "bytes": 1600,
}


def build_proof() -> dict[str, Any]:
    """A lesson with one segment, one version of minutes and both signatures."""
    log, facts = lesson_log(), lesson_facts()
    base = START_MS / 1000
    minutes = {**EMPTY_MINUTES, "texts": {"a1": "传达了文件。"}}
    log.add(base + 3603, "recording_segment", **SEGMENT)
    assembled = log.add(base + 3604, "ledger_assembled", entry_id=ENTRY, facts_sha256=sha256_of(facts))
    written = log.add(
        base + 3700, "minutes_changed", "zhao", entry_id=ENTRY, version=2, minutes_sha256=sha256_of(minutes)
    )
    content = content_sha256(ENTRY, 2, sha256_of(facts), sha256_of(minutes))
    signatures = []
    for number, (role, member) in enumerate((("recorder", "zhao"), ("host", "lin"))):
        signed = log.add(
            base + 3800 + number, "signed", member, entry_id=ENTRY, role=role, version=2, content_sha256=content
        )
        signatures.append(
            {"role": role, "version": 2, "member_id": member, "content_sha256": content, "signed_ms": signed.at_ms}
        )
    decision = {"credited_ms": 60_000}
    credited: dict[str, Any] = {"task_id": "t1", "member_id": "wang", "credited_ms": 1, "required_ms": 1, "rule": "95%"}
    done = log.add(base + 9000, "makeup_credited", **credited, decision_sha256=sha256_of(decision))
    versions = [{"version": 2, "minutes": minutes, "by_member_id": "zhao", "at_ms": written.at_ms}]
    return {
        "format": FORMAT,
        "meeting_id": MEETING_ID,
        "events": [event._asdict() for event in log.events],
        "roll": [[member, True] for member in ("lin", "zhao", "wang", "li", "sun")],
        "ledger": {
            "entry_id": ENTRY,
            "state": "archived",
            "version": 2,
            "expected": facts["counts"]["expected"],
            "present": facts["counts"]["present"],
            "assembled_ms": assembled.at_ms,
            "facts": facts,
            "minutes": minutes,
            "versions": versions,
            "signatures": signatures,
        },
        "recordings": [
            {
                "recording_id": "f" * 32,
                "state": "finished",
                "origin_ms": START_MS + 500,
                "duration_ms": 3_599_000,
                "gaps": [],
            }
        ],
        "segments": [dict(SEGMENT)],
        "makeup": [{"task_id": "t1", "member_id": "wang", "done_ms": done.at_ms, "decision": decision}],
    }


PROOF = build_proof()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to all values that hold nothing else."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [path]


PATHS = leaves(PROOF)


def changed(value: Any, at: int, bit: int) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value ^ (1 << bit)
        case str() if value:
            index = at % len(value)
            return value[:index] + chr(ord(value[index]) ^ (1 << bit)) + value[index + 1 :]
        case None:
            return "x"
        case _:
            return ["x"]


def test_the_untouched_proof_holds() -> None:
    assert list(problems(PROOF)) == []
    assert list(problems(json.loads(canonical_json(PROOF)))) == []


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(PATHS), st.integers(0, 10_000), st.integers(0, 6))
def test_any_single_changed_value_is_found(path: tuple[Any, ...], at: int, bit: int) -> None:
    proof = copy.deepcopy(PROOF)
    inner: Any = proof
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = changed(inner[path[-1]], at, bit)
    assert next(problems(proof), None) is not None, path


@given(st.sampled_from(["events", "roll", "segments", "makeup"]), st.integers(0, 100))
def test_any_removed_row_is_found(table: str, at: int) -> None:
    proof = copy.deepcopy(PROOF)
    del proof[table][at % len(proof[table])]
    assert next(problems(proof), None) is not None


@pytest.mark.parametrize("wrong", [{}, {"format": FORMAT}, {"format": FORMAT, "events": 3}, {"format": "other"}])
def test_a_file_that_is_no_proof_is_told_so(wrong: dict[str, Any]) -> None:
    assert next(problems(wrong), None) is not None


def test_wrong_use_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["/nowhere/proof.json"]) == 2
    assert "usage" in capsys.readouterr().err


def test_what_was_done_again_after_a_lost_commit_holds() -> None:
    """The log is written before the commit: when that fails and the person does it again, the later event counts."""
    log = LogWriter()
    facts, minutes = lesson_facts(), {**EMPTY_MINUTES, "summary": "第二次写的"}
    log.add(1, "ledger_assembled", entry_id="d" * 32, facts_sha256="0" * 64)
    assembled = log.add(2, "ledger_assembled", entry_id=ENTRY, facts_sha256=sha256_of(facts))
    log.add(3, "minutes_changed", "zhao", entry_id=ENTRY, version=2, minutes_sha256="0" * 64)
    written = log.add(4, "minutes_changed", "zhao", entry_id=ENTRY, version=2, minutes_sha256=sha256_of(minutes))
    content = content_sha256(ENTRY, 2, sha256_of(facts), sha256_of(minutes))
    for at in (5, 6):
        signed = log.add(at, "signed", "zhao", entry_id=ENTRY, role="recorder", version=2, content_sha256=content)
    signature = {"role": "recorder", "version": 2, "member_id": "zhao", "content_sha256": content}
    proof = PROOF | {
        "events": [event._asdict() for event in log.events],
        "recordings": [],
        "segments": [],
        "makeup": [],
        "ledger": PROOF["ledger"]
        | {
            "state": "signed_by_recorder",
            "assembled_ms": assembled.at_ms,
            "minutes": minutes,
            "versions": [{"version": 2, "minutes": minutes, "by_member_id": "zhao", "at_ms": written.at_ms}],
            "signatures": [signature | {"signed_ms": signed.at_ms}],
        },
    }
    assert list(problems(proof)) == []
