from __future__ import annotations

import pytest

from server.telemetry.counters import count, counters, prometheus_text


def test_counters_count_and_are_shown() -> None:
    before = counters().get("tests_run", 0)
    count("tests_run")
    count("tests_run", 4)
    assert counters()["tests_run"] == before + 5
    assert f"# TYPE huitang_tests_run_total counter\nhuitang_tests_run_total {before + 5}\n" in prometheus_text()


@pytest.mark.parametrize("name", ["", "With Capitals", "id_" + "0" * 80, "a-b", 'a"\nb'])
def test_a_name_that_prometheus_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a counter name"):
        count(name)
