"""When the demonstration's past lesson was held, at whatever hour it is laid out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from server.demo.past_lesson import DAY_MS, PLANNED_MS, held_at
from server.planning.door import SHUTS_AFTER_MS

CHINA = timezone(timedelta(hours=8))


@pytest.mark.parametrize("minute", range(0, 24 * 60, 20))
def test_it_is_in_the_afternoon_and_cannot_be_begun_any_more(minute: int) -> None:
    now_ms = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000) + minute * 60_000
    held_ms = held_at(now_ms)
    assert datetime.fromtimestamp(held_ms / 1000, CHINA).strftime("%H:%M") == "15:00"
    assert held_ms + PLANNED_MS + SHUTS_AFTER_MS < now_ms < held_ms + 2 * DAY_MS
