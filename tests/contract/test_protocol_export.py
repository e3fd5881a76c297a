"""The generated TypeScript is the one of today's models."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from server.protocol import export
from server.protocol.base import Message
from server.protocol.codes import ErrorCode
from server.protocol.commands import COMMANDS
from server.protocol.events import ROOM_EVENTS, VOLATILE_EVENTS


def test_generated_file_is_up_to_date() -> None:
    assert export.TARGET.read_text(encoding="utf-8") == export.export(), "run python -m server.protocol.export"
    assert export.main(["--check"]) == 0


def test_export_is_deterministic() -> None:
    assert export.export() == export.export()


def test_every_command_event_and_code_is_in_it() -> None:
    text = export.export()
    named = [(m.NAME, m.__name__) for m in COMMANDS]
    named += [(m.NAME, m.__name__) for m in ROOM_EVENTS] + [(m.NAME, m.__name__) for m in VOLATILE_EVENTS]
    for name, interface in named:
        assert f'"{name}"' in text
        assert f"export interface {interface} {{" in text
    for code in ErrorCode:
        assert f'{code.name}: "{code.value}",' in text


def test_sent_defaults_are_optional_and_received_ones_are_not() -> None:
    text = export.export()
    assert "  last_revision?: number | null;" in text
    assert "  snapshot: RoomSnapshot | null;" in text


def test_stale_file_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(export, "TARGET", tmp_path / "protocol" / "generated.ts")
    assert export.main(["--check"]) == 1
    assert export.main([]) == 0
    assert export.main(["--check"]) == 0


def test_unknown_construct_is_refused() -> None:
    class Odd(Message):
        value: int = Field(default=1)

    with pytest.raises(ValueError, match="no TypeScript"):
        export._type({"type": "weird"})
    assert export._interface("Odd", {**Odd.model_json_schema(), "description": ""}).startswith("export interface Odd")
