"""The tables of docs/performance.md."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.__main__ import described
from tests.bench.conftest import measurement
from tests.bench.page import BENCH, PAGE, Section, replace_table, section_text, sections
from tests.bench.plan import Plan
from tests.bench.scenario import lesson
from tests.bench.table import FORWARDING, JOINING, MEMORY, row, table

PLAN = Plan(
    scenario=lesson(150),
    already=150,
    joins_per_s=40,
    warmup_s=1,
    window_s=10,
    sample_every=16,
    gro=True,
    loss=0.005,
    core=None,
)


def _report(**changes: Any) -> dict[str, Any]:
    return described([measurement(**{"subscribers": 150, **changes})], PLAN, 1)


def test_a_table_rounds_delivery_down() -> None:
    cells = row(_report(delivered_fraction=0.9999999, forwarded_per_s=33_000.4))
    assert cells[:5] == ("150", "lesson, 1.5 Mbit/s, 0.5 % lost, asked for again", "1", "33,000", "99.9999 %")
    assert row(_report(delivered_fraction=1.0))[4] == "100 %"


def test_every_row_has_a_cell_for_every_heading() -> None:
    for columns in (FORWARDING, JOINING, MEMORY):
        lines = table([_report(), _report(memory={"mib_per_hour": 0.25})], columns).splitlines()
        assert len(lines) == 4
        assert len({line.count("|") for line in lines}) == 1


def test_a_section_names_the_command_of_each_row_and_the_machine() -> None:
    section = Section("lessons", FORWARDING, BENCH, ("--subscribers 150", "--subscribers 600"))
    text = section_text(section, [_report(), _report(subscribers=600)], "abc1234")
    rows = text.splitlines()
    assert rows[2].endswith("| `--subscribers 150` |")
    assert rows[3].startswith("| 600 |")
    assert "`python -m tests.bench`" in rows[-1]
    assert rows[-1].endswith("; at abc1234.")


def test_a_table_is_replaced_and_the_words_around_it_stay() -> None:
    page = "Before.\n<!-- bench joining -->\nold\nolder\n<!-- end -->\nAfter.\n<!-- bench memory -->\n<!-- end -->\n"
    changed = replace_table(page, "joining", "new \\1")
    assert changed == page.replace("\nold\nolder\n", "\n\nnew \\1\n\n")
    assert replace_table(changed, "joining", "new \\1") == changed
    with pytest.raises(ValueError, match="0 places"):
        replace_table(page, "meetings", "new")


def test_the_page_has_a_place_for_every_table() -> None:
    page = PAGE.read_text()
    for section in sections(3, 10):
        assert replace_table(page, section.name, "new") != page
