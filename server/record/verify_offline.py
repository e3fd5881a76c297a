"""Checks an exported proof: ``python verify_offline.py proof.json``. One file, Python's standard library only.

It owns the definition of what is hashed in a record, so that server and inspector compute the same. It trusts nothing
in the export but its own arithmetic: the hash chain of the meeting log, and everything else against that chain.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FORMAT = "huitang-proof/1"
GENESIS = "0" * 64
CHECK_CODE_LENGTH = 16
EMPTY_MINUTES: dict[str, Any] = {"texts": {}, "summary": "", "absence_reasons": {}}


def canonical_json(value: Any) -> str:
    """Keys sorted, no spaces, characters as they are: one text for one value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(value: Any) -> str:
    """SHA-256 of the canonical JSON, hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def event_hash(event: dict[str, Any]) -> str:
    """Over the canonical event without its own hash; the payload's text stands in it byte for byte as it is stored."""
    before = canonical_json({name: event[name] for name in ("actor", "at_ms", "meeting_id")})
    after = canonical_json({name: event[name] for name in ("prev_hash", "seq", "type")})
    text = f'{before[:-1]},"payload":{event["payload"]},{after[1:]}'
    return hashlib.sha256(text.encode()).hexdigest()


def content_sha256(entry_id: str, version: int, facts_sha256: str, minutes_sha256: str) -> str:
    """What a signature stands under."""
    return sha256_of(
        {"entry_id": entry_id, "version": version, "facts_sha256": facts_sha256, "minutes_sha256": minutes_sha256}
    )


def check_code(head: str) -> str:
    """校验码: what is printed on exports."""
    return head[:CHECK_CODE_LENGTH]


def problems(proof: dict[str, Any]) -> Iterator[str]:
    """Everything wrong, in the order of checking; nothing: the proof holds. Never raises for damaged input."""
    try:
        if proof.get("format") != FORMAT:
            yield f"format: this file is not a proof of the kind {FORMAT}"
            return
        broken = list(_chain(proof))
        yield from broken
        if not broken:  # nothing else can be judged by a broken chain
            log = _Log(proof["events"])
            yield from _roll(proof, log)
            yield from _recordings(proof, log)
            yield from _ledger(proof, log)
            yield from _makeup(proof, log)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        yield f"proof: damaged beyond reading ({type(error).__name__}: {error})"


def _chain(proof: dict[str, Any]) -> Iterator[str]:
    prev = GENESIS
    for expected_seq, event in enumerate(proof["events"], 1):
        where = f"log event {expected_seq}"
        if event["seq"] != expected_seq:
            yield f"{where}: missing, the next one is {event['seq']}"
        elif event["meeting_id"] != proof["meeting_id"]:
            yield f"{where}: belongs to another meeting"
        elif event["prev_hash"] != prev:
            yield f"{where}: does not follow the event before it"
        elif not _is_canonical(event["payload"]):
            yield f"{where}: its payload is not the text that was written"
        elif event_hash(event) != event["hash"]:
            yield f"{where}: its content does not match its hash"
        else:
            prev = event["hash"]
            continue
        return


def _is_canonical(text: str) -> bool:
    try:
        return canonical_json(json.loads(text)) == text
    except ValueError:
        return False


class _Log:
    """The events of a chain that holds, by type."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = [event | {"payload": json.loads(event["payload"])} for event in events]

    def of(self, type_: str) -> Iterator[dict[str, Any]]:
        return (event for event in self.events if event["type"] == type_)

    def last(self, type_: str, before_seq: int | None = None, **wanted: Any) -> dict[str, Any] | None:
        found = None
        for event in self.of(type_):
            if before_seq is not None and event["seq"] >= before_seq:
                break
            if all(event["payload"].get(name) == value for name, value in wanted.items()):
                found = event
        return found


def _roll(proof: dict[str, Any], log: _Log) -> Iterator[str]:
    """Who was expected, and with a vote, is frozen when the meeting starts."""
    started = log.last("meeting_started")
    if started is not None and sorted(map(list, proof["roll"])) != sorted(map(list, started["payload"]["roll"])):
        yield "roll: the expected members differ from those frozen in the log"


def _recordings(proof: dict[str, Any], log: _Log) -> Iterator[str]:
    names = ("recording_id", "index", "key", "sha256", "bytes", "start_ms", "duration_ms")
    logged = {
        (event["payload"]["recording_id"], event["payload"]["key"]): event["payload"]
        for event in log.of("recording_segment")
    }
    rows = {(row["recording_id"], row["key"]): row for row in proof["segments"]}
    for key in sorted(logged.keys() | rows.keys()):
        if key not in rows:
            yield f"segment {key[1]}: the log has it, the table does not"
        elif key not in logged:
            yield f"segment {key[1]}: the table has it, the log does not"
        else:
            wrong = [name for name in names if name in logged[key] and rows[key][name] != logged[key][name]]
            if wrong:
                yield f"segment {key[1]}: {', '.join(wrong)} differ(s) from the log"
    finished = {event["payload"]["recording_id"]: event["payload"] for event in log.of("recording_finished")}
    recordings = {row["recording_id"]: row for row in proof["recordings"]}
    for recording_id in sorted(
        finished.keys() | {id_ for id_, row in recordings.items() if row["state"] == "finished"}
    ):
        where = f"recording {recording_id}"
        if recording_id not in recordings or recording_id not in finished:
            yield f"{where}: finished only in the {'log' if recording_id in finished else 'table'}"
            continue
        row = recordings[recording_id]
        wrong = [name for name in ("duration_ms", "origin_ms", "gaps") if row[name] != finished[recording_id][name]]
        if row["state"] != "finished":
            wrong.append("state")
        if wrong:
            yield f"{where}: {', '.join(wrong)} differ(s) from the log"


def _ledger(proof: dict[str, Any], log: _Log) -> Iterator[str]:
    entry = proof["ledger"]
    assembled = log.last("ledger_assembled")
    if entry is None:
        if assembled is not None:
            yield "ledger: the log has an entry, the table does not"
        return
    if assembled is None or assembled["payload"]["entry_id"] != entry["entry_id"]:
        yield "ledger: this entry is not the one in the log"
        return
    if sha256_of(entry["facts"]) != assembled["payload"]["facts_sha256"]:
        yield "ledger facts: changed since they were assembled from the log"
    if assembled["at_ms"] != entry["assembled_ms"]:
        yield "ledger: time of assembling differs from the log"
    counts = entry["facts"]["counts"]
    if (entry["expected"], entry["present"]) != (counts["expected"], counts["present"]):
        yield "ledger: expected or present differ from the facts"
    yield from _minutes(entry, log)
    yield from _signatures(entry, log)


def _minutes(entry: dict[str, Any], log: _Log) -> Iterator[str]:
    entry_id = entry["entry_id"]
    logged = {
        event["payload"]["version"]: event
        for event in log.of("minutes_changed")
        if event["payload"]["entry_id"] == entry_id
    }
    rows = {row["version"]: row for row in entry["versions"]}
    if set(rows) != set(logged):
        yield f"minutes: versions {sorted(rows)} in the table, {sorted(logged)} in the log"
        return
    for version, row in sorted(rows.items()):
        event = logged[version]
        if sha256_of(row["minutes"]) != event["payload"]["minutes_sha256"]:
            yield f"minutes: version {version} changed since it was written"
        if (row["by_member_id"], row["at_ms"]) != (event["actor"], event["at_ms"]):
            yield f"minutes: writer or time of version {version} differ from the log"
    if entry["version"] != max(rows, default=1):
        yield f"minutes: the entry says version {entry['version']}, the last one written is {max(rows, default=1)}"
    elif entry["minutes"] != (rows[entry["version"]]["minutes"] if rows else EMPTY_MINUTES):
        yield "minutes: changed since they were written"


def _signatures(entry: dict[str, Any], log: _Log) -> Iterator[str]:
    rows = {(row["version"], row["role"]): row for row in entry["signatures"]}
    logged = {
        (event["payload"]["version"], event["payload"]["role"]): event
        for event in log.of("signed")
        if event["payload"]["entry_id"] == entry["entry_id"]
    }
    for key in sorted(rows.keys() | logged.keys()):
        where = f"signature of the {key[1]} at version {key[0]}"
        if key not in rows or key not in logged:
            yield f"{where}: only in the {'table' if key in rows else 'log'}"
            continue
        row, event = rows[key], logged[key]
        if row["content_sha256"] != event["payload"]["content_sha256"]:
            yield f"{where}: the signed hash differs from the log"
        if (row["member_id"], row["signed_ms"]) != (event["actor"], event["at_ms"]):
            yield f"{where}: signer or time differ from the log"
        if row["content_sha256"] != _content_at(entry, log, key[0], event["seq"]):
            yield f"{where}: what was signed is not what stands here"
    roles = {role for version, role in rows if version == entry["version"]}
    state = "archived" if "host" in roles else "signed_by_recorder" if roles else "draft"
    if entry["state"] != state:
        yield f"ledger: the entry says {entry['state']!r}, its signatures say {state!r}"


def _content_at(entry: dict[str, Any], log: _Log, version: int, seq: int) -> str:
    """The hash as it must have been when the event ``seq`` was written."""
    facts = log.last("ledger_assembled", seq, entry_id=entry["entry_id"])
    minutes = log.last("minutes_changed", seq, entry_id=entry["entry_id"], version=version)
    minutes_sha256 = minutes["payload"]["minutes_sha256"] if minutes else sha256_of(EMPTY_MINUTES)
    return content_sha256(entry["entry_id"], version, facts["payload"]["facts_sha256"] if facts else "", minutes_sha256)


def _makeup(proof: dict[str, Any], log: _Log) -> Iterator[str]:
    logged = {event["payload"]["task_id"]: event for event in log.of("makeup_credited")}
    done = {row["task_id"]: row for row in proof["makeup"] if row["done_ms"] is not None}
    for task_id in sorted(logged.keys() | done.keys()):
        if task_id not in done or task_id not in logged:
            yield f"make-up {task_id}: done only in the {'table' if task_id in done else 'log'}"
            continue
        row, event = done[task_id], logged[task_id]
        if (row["member_id"], row["done_ms"]) != (event["payload"]["member_id"], event["at_ms"]):
            yield f"make-up {task_id}: member or time differ from the log"
        if sha256_of(row["decision"]) != event["payload"]["decision_sha256"]:
            yield f"make-up {task_id}: the decision changed since it was made"


def main(arguments: list[str]) -> int:
    """Exit code 0: all holds. 1: something does not; the first thing is printed. 2: wrong use."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python verify_offline.py proof.json [check code]\n")
        return 2
    try:
        proof = json.loads(Path(arguments[0]).read_text("utf-8"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot read {arguments[0]}: {error}\n")
        return 2
    problem = next(problems(proof), None)
    if problem is None and len(arguments) == 2:
        problem = code_problem(proof["events"], arguments[1])
    if problem is not None:
        sys.stdout.write(f"WRONG {problem}\n")
        return 1
    head = proof["events"][-1]["hash"] if proof["events"] else GENESIS
    sys.stdout.write(f"OK {len(proof['events'])} events, head {head}, check code {check_code(head)}\n")
    return 0


def code_problem(events: list[dict[str, Any]], code: str) -> str | None:
    """A printed check code is the head of the chain as it was at printing; later events follow it."""
    if not re.fullmatch(f"[0-9a-f]{{{CHECK_CODE_LENGTH}}}", code.lower()):
        return f"check code: it has {CHECK_CODE_LENGTH} characters of 0-9 and a-f"
    if any(check_code(event["hash"]) == code.lower() for event in events):
        return None
    return "check code: no event of this log has it"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
