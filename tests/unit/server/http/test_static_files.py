from __future__ import annotations

from pathlib import Path

import pytest

from server.http.static_files import find_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "assets" / "a.js").write_text("1")
    (dist / "favicon.svg").write_text("2")
    (dist / ".secret").write_text("3")
    (tmp_path / "outside").write_text("4")
    (dist / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "dist2").mkdir()
    (tmp_path / "dist2" / "b.js").write_text("5")
    return dist.resolve()


@pytest.mark.parametrize("name", ["assets/a.js", "favicon.svg"])
def test_files_of_the_web_app(root: Path, name: str) -> None:
    assert find_file(root, name) == root / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "assets",
        "none.js",
        ".secret",
        "../outside",
        "assets/../../outside",
        "link",
        "../dist2/b.js",
        "a\0.js",
        "//etc/passwd",
    ],
)
def test_nothing_else(root: Path, name: str) -> None:
    assert find_file(root, name) is None
