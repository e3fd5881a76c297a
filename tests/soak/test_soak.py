"""What the soak makes of its figures: targets, percentiles, growth, the table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.weak_targets import FULL, SHORT, misses, on_busy_machine
from tests.netsim.profiles import PROFILES
from tests.soak.__main__ import percentile
from tests.soak.growth import slope
from tests.soak.table import HEAD, table

WAY = {"sound_percent": 99.95, "freeze_percent": 0.2, "freezes": 1, "longest_gap_ms": 300, "heights": [360, 720]}


def test_every_profile_has_its_targets() -> None:
    assert set(FULL) == set(SHORT) == set(PROFILES)


def test_both_ways_must_keep_the_promise() -> None:
    assert misses(FULL["4g"], {"down": WAY, "up": WAY}) == []
    poor = WAY | {"sound_percent": 99.5, "freeze_percent": 0.7}
    assert misses(FULL["4g"], {"down": WAY, "up": poor}) == [
        "up sound_percent is 99.5, wanted 99.9",
        "up freeze_percent is 0.7, wanted 0.5",
    ]
    assert misses(FULL["switch"], {"back_s": 3.4}) == ["back_s is 3.4, wanted 3"]


def test_a_busy_machine_is_not_taken_for_the_network() -> None:
    idle, busy = on_busy_machine(SHORT["4g"], 0.5), on_busy_machine(SHORT["4g"], 3.0)
    assert (idle.sound_percent, idle.freezes) == (SHORT["4g"].sound_percent, SHORT["4g"].freezes)
    assert (busy.sound_percent, busy.freezes) == (SHORT["4g"].sound_percent - 0.8, SHORT["4g"].freezes + 4)
    assert on_busy_machine(SHORT["tunnel"], 3.0).back_s == SHORT["tunnel"].back_s * 3


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (1.0, 100), (0.0, 1)])
def test_percentiles_are_values_that_were_seen(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], share) == value


def test_slope_is_that_of_the_line_through_the_samples() -> None:
    assert slope([(0, 100), (1, 102), (2, 104)]) == pytest.approx(2)
    assert slope([(0, 100)]) == 0


def test_the_table_has_a_row_for_each_way() -> None:
    report: dict[str, Any] = {"began": "2026-01-02 03:04", "commit": "abc", "target": {"back_s": 3}}
    rows = table(
        [
            report | {"profile": "4g", "figures": {"down": WAY, "up": WAY}, "target": {"sound_percent": 99.9}},
            report | {"profile": "switch", "figures": {"switches": 100, "back_s": 2.4, "p50_s": 1.2, "max_s": 2.7}},
            report | {"profile": "tunnel", "figures": {"failed": "never back"}},
            {"growth": {}},
        ]
    )
    assert rows[: len(HEAD)] == list(HEAD)
    assert [row.split(" | ")[2] for row in rows[len(HEAD) :]] == ["down", "up", "both", "–"]
    assert "back after 2.4 s, p50 1.2 s, max 2.7 s, 100 times" in rows[-2]
    assert "never back" in rows[-1]
