"""The hash chain of a meeting's log: pure functions, no I/O.

An event's hash is SHA-256 over the UTF-8 bytes of its canonical JSON: an object with exactly the keys actor, at_ms,
meeting_id, payload, prev_hash, seq, type, in that order (sorted), no white space, no escapes but the needed ones. The
payload's canonical text stands in it as it is stored, so that a changed byte of it cannot hide behind re-formatting.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from server.meeting_log.types import LoggedEvent

GENESIS = "0" * 64


def canonical(value: Any) -> str:
    """JSON with sorted keys and no white space. Raises ValueError for NaN, infinity and what JSON cannot hold."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def event_hash(
    meeting_id: str, seq: int, at_ms: int, type_: str, actor: str | None, payload: str, prev_hash: str
) -> str:
    """64 hex digits. ``payload`` is canonical JSON text."""
    head = f'{{"actor":{canonical(actor)},"at_ms":{at_ms},"meeting_id":{canonical(meeting_id)},"payload":'
    tail = f',"prev_hash":{canonical(prev_hash)},"seq":{seq},"type":{canonical(type_)}}}'
    return hashlib.sha256(f"{head}{payload}{tail}".encode()).hexdigest()


def link(
    previous: LoggedEvent | None,
    meeting_id: str,
    type_: str,
    payload: dict[str, Any],
    *,
    actor: str | None,
    at_ms: int,
) -> LoggedEvent:
    """The event that follows ``previous`` (None: the first one, ``seq`` 1)."""
    seq = previous.seq + 1 if previous else 1
    prev_hash = previous.hash if previous else GENESIS
    text = canonical(payload)
    digest = event_hash(meeting_id, seq, at_ms, type_, actor, text, prev_hash)
    return LoggedEvent(meeting_id, seq, at_ms, type_, actor, text, prev_hash, digest)


def verify(events: Iterable[LoggedEvent]) -> int | None:
    """The sequence number where a whole log (from ``seq`` 1) stops being true, or None. A missing tail is not seen."""
    meeting_id: str | None = None
    prev_hash = GENESIS
    for expected, event in enumerate(events, start=1):
        meeting_id = meeting_id if meeting_id is not None else event.meeting_id
        if event.seq != expected or event.prev_hash != prev_hash or event.meeting_id != meeting_id:
            return expected
        if event.hash != event_hash(*event[:7]):
            return expected
        prev_hash = event.hash
    return None
