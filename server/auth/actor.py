"""The one who acts: an account with its member and its roles in the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["member", "recorder", "host", "secretary", "liaison", "inspector", "admin"]


@dataclass(frozen=True, slots=True)
class RoleAt:
    role: Role
    organisation_id: str
    path: str  # of the organisation, ids joined by "/"


@dataclass(frozen=True, slots=True)
class Actor:
    """``homes``: paths of the organisations the member belongs to today (home, attached, group, away)."""

    account_id: str
    member_id: str
    name: str
    roles: tuple[RoleAt, ...]
    homes: tuple[str, ...]
