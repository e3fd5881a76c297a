"""Commands in the wrong folder: one line that says so, and no database left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.cli.main import main


@pytest.mark.parametrize("command", (["verify", "0" * 32], ["reset-password", "member"]))
def test_a_folder_without_database_is_named(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"huitang: there is no database in {tmp_path}")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
