"""Health is asked of the database and the store at most once a second, however many ask us."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from server.http import health_api
from server.http.health_api import HealthCheck


@dataclass
class Asked:
    """Stands where the database or the store is."""

    times: int = 0

    async def check(self) -> None:
        self.times += 1
        await asyncio.sleep(0)


@dataclass
class Workers:
    count: int = 1


@dataclass
class Parts:
    """What the check looks at."""

    db: Asked = field(default_factory=Asked)
    store: Asked = field(default_factory=Asked)
    media: Workers = field(default_factory=Workers)
    recorders: Workers = field(default_factory=Workers)


async def test_a_crowd_costs_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_api, "KEPT_S", 3600.0)
    parts: Any = Parts()
    check = HealthCheck(parts)
    found = await asyncio.gather(*(check.now() for _ in range(50)))
    assert all(health.ok for health in found)
    assert (parts.db.times, parts.store.times) == (1, 1)
    parts.recorders.count = 0  # what costs nothing is looked at every time
    assert (await check.now()).reason == "no recorder is connected"
    monkeypatch.setattr(health_api, "KEPT_S", 0.0)
    await check.now()
    assert (parts.db.times, parts.store.times) == (2, 2)
