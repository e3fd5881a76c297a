"""What one run does; crosses to the load generator as one JSON argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.bench.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    scenario: Scenario
    already: int  # who is in the room before the window opens; all, unless joining is what is measured
    joins_per_s: float
    leavers: int = 0  # how many viewers come and go, all in all, before the window opens
    warmup_s: float
    window_s: float
    sample_every: int
    gro: bool
    loss: float
    core: int | None
    # Filled in when the server runs.
    host: str = "127.0.0.1"
    server_offers: bool = False  # whether a viewer answers the server's offer instead of making one
    server_pids: tuple[int, ...] = ()
    parent_pid: int = 0

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Plan:
        return cls(
            **{**fields, "scenario": Scenario(**fields["scenario"]), "server_pids": tuple(fields["server_pids"])}
        )
