"""Which events a meeting's log can hold, and what each carries. Room state, roll, ledger and chapters come from these.

Payloads are plain JSON objects with exactly the keys named here; ``validate`` refuses others. Ids are ids of members
unless the key says ``participant``. A participant is one member's seat: ``participant_id`` survives reconnects.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# type → required keys, optional keys
EVENT_TYPES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    name: (frozenset(required.split()), frozenset(optional.split()))
    for name, required, optional in (
        ("meeting_opened", "roll_sha256 expected", ""),
        ("meeting_started", "roll expected expected_voting rule", ""),  # the frozen roll: [[member_id, has_vote]…]
        ("meeting_interrupted", "since_ms", ""),
        ("meeting_resumed", "", ""),
        ("meeting_ended", "reason", ""),  # host, timeout
        ("joined", "participant_id member_id role device", "epoch"),  # epoch grows when a seat is taken over
        ("presence_changed", "participant_id presence", ""),  # present, unstable, away
        (
            "left",
            "participant_id member_id reason",
            "",
        ),  # left, lost, removed, replaced, ended; at_ms = last proof of life
        # Second devices, encoders and players of a member: of = the participant_id of his seat. They count for nothing.
        ("companion_joined", "participant_id member_id device of", "name"),
        ("companion_left", "participant_id member_id reason", ""),  # left, lost, removed, replaced, ended
        ("readmitted", "participant_id member_id by", ""),  # somebody who was removed may come back
        ("signed_in", "member_id method", "participant_id by"),  # method: self, proxy (then by)
        ("remark", "remark_id participant_id member_id text", "agenda_item_id"),
        ("hand_raised", "participant_id member_id", ""),
        ("hand_lowered", "participant_id member_id", "by"),
        ("floor_given", "remark_id participant_id member_id by", "agenda_item_id"),
        ("floor_ended", "remark_id participant_id member_id", "by"),
        ("agenda_moved", "item_id", ""),  # item_id null: none is discussed
        ("stage_changed", "publication_id", ""),
        ("publication_started", "participant_id source", "muted"),
        ("publication_muted", "participant_id source muted", ""),
        ("publication_ended", "participant_id source", ""),
        ("muted_by_host", "participant_id by", ""),
        ("grants_changed", "participant_id withheld by", ""),  # withheld: [audio, video, screen] of what the role gives
        ("quality_chosen", "participant_id level", ""),  # by hand, the most that is wanted; null: as much as fits
        ("quality_changed", "participant_id level chosen", ""),  # the rung on which the media worker serves it now
        ("recording_started", "recording_id", "origin_ms"),
        ("recording_paused", "recording_id by", ""),
        ("recording_resumed", "recording_id by", ""),
        ("recording_failed", "recording_id code", ""),
        ("recording_segment", "recording_id index key sha256 start_ms duration_ms", "bytes"),
        ("recording_finished", "recording_id duration_ms gaps origin_ms", ""),
        ("ledger_assembled", "entry_id facts_sha256", ""),
        ("minutes_changed", "entry_id version minutes_sha256", ""),
        ("signed", "entry_id role version content_sha256", ""),
        ("makeup_credited", "task_id member_id credited_ms required_ms rule decision_sha256", ""),
        ("corrected", "of_seq reason", "payload"),
    )
}


class LoggedEvent(NamedTuple):
    """One link of the chain. ``payload`` is canonical JSON text: the very bytes that were hashed."""

    meeting_id: str
    seq: int
    at_ms: int
    type: str
    actor: str | None
    payload: str
    prev_hash: str
    hash: str


def validate(type_: str, payload: dict[str, Any]) -> None:
    """Raises ValueError for an unknown type, a missing key or an extra one."""
    if type_ not in EVENT_TYPES:
        raise ValueError(f"unknown log event {type_!r}")
    required, optional = EVENT_TYPES[type_]
    keys = payload.keys()
    if not required <= keys or not keys <= required | optional:
        raise ValueError(
            f"log event {type_} wants {sorted(required)} and may have {sorted(optional)}, not {sorted(keys)}"
        )
