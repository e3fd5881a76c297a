"""When a membership holds."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_

from server.storage.models import Membership


def valid_at(now_ms: int) -> ColumnElement[bool]:
    """Half-open: from ``valid_from_ms`` until before ``valid_to_ms``."""
    return and_(
        Membership.valid_from_ms <= now_ms, or_(Membership.valid_to_ms.is_(None), Membership.valid_to_ms > now_ms)
    )
