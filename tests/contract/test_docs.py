"""The documentation names every message, code file and setting; a new one without its line fails here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from server.protocol.commands import COMMANDS
from server.protocol.events import ROOM_EVENTS, VOLATILE_EVENTS

ROOT = Path(__file__).resolve().parents[2]
SETTINGS_FILES = ("server/settings.py", "media/settings.py", "recordings/settings.py")


def test_protocol_page_names_every_message() -> None:
    page = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    names = [m.NAME for m in COMMANDS] + [m.NAME for m in ROOM_EVENTS] + [m.NAME for m in VOLATILE_EVENTS]
    missing = [name for name in names if f"`{name}`" not in page]
    assert not missing


def test_operations_page_names_every_setting() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    missing = [name for name in sorted(_settings()) if f"`{name}`" not in page]
    assert not missing


def test_no_source_file_is_longer_than_500_lines() -> None:
    files = [p for folder in ("server", "media", "recordings") for p in (ROOT / folder).rglob("*.py")]
    files += [p for p in (ROOT / "web/src").rglob("*") if p.suffix in (".ts", ".vue") and p.name != "generated.ts"]
    long = {
        str(p.relative_to(ROOT)): n
        for p in files
        if "migrations/versions" not in str(p) and (n := len(p.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not long


def _settings() -> set[str]:
    """Upper-case string constants of the settings modules: the names of their environment variables."""
    found: set[str] = set()
    for name in SETTINGS_FILES:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.fullmatch(r"[A-Z]+(_[A-Z]+)*", node.value)
            ):
                found.add(node.value)
    return found - {"INFO"}
