"""The rules of the meeting types, read from meeting_profiles.toml and checked once at start."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from server.protocol.models import MeetingType

ExpectedRule = Literal["members", "committee", "group"]
_FILE = Path(__file__).with_name("meeting_profiles.toml")


@dataclass(frozen=True, slots=True)
class MeetingProfile:
    """One type. ``quorum_percent`` None: none is asked for."""

    type: MeetingType
    title: str
    expected: ExpectedRule
    quorum_percent: int | None
    records_by_default: bool


@dataclass(frozen=True, slots=True)
class Profiles:
    """One versioned set of rules."""

    version: str
    types: dict[MeetingType, MeetingProfile]


def load_profiles(path: Path = _FILE) -> Profiles:
    """Raises ValueError naming what is wrong with the file: every type must have its rule."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    tables = raw["types"]
    if missing := {t.value for t in MeetingType} ^ set(tables):
        raise ValueError(f"{path.name}: these types are missing or unknown: {', '.join(sorted(missing))}")
    return Profiles(
        version=raw["version"],
        types={t: _profile(t, tables[t.value]) for t in MeetingType},
    )


def _profile(type_: MeetingType, table: dict[str, Any]) -> MeetingProfile:
    rule: ExpectedRule = table["expected"]
    if rule not in get_args(ExpectedRule):
        raise ValueError(f"{type_.value}: unknown rule for the expected members: {rule!r}")
    quorum = table.get("quorum_percent")
    if quorum is not None and not 1 <= quorum <= 100:
        raise ValueError(f"{type_.value}: quorum_percent must lie between 1 and 100")
    return MeetingProfile(
        type=type_,
        title=table["title"],
        expected=rule,
        quorum_percent=quorum,
        records_by_default=table["records_by_default"],
    )
