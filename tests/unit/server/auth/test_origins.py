from __future__ import annotations

import pytest

from server.auth.origins import origin_allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "huitang.example", True),
        ("https://huitang.example", "huitang.example", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("https://HUITANG.example", "huitang.example", True),
        ("https://front.example", "10.0.0.5:8080", True),
        ("https://front.example/", "10.0.0.5:8080", True),
        ("https://evil.example", "huitang.example", False),
        ("https://huitang.example.evil.example", "huitang.example", False),
        ("http://127.0.0.1:8081", "127.0.0.1:8080", False),
        ("null", "huitang.example", False),
        ("", "huitang.example", False),
        ("", "", False),
        ("file://", "huitang.example", False),
        ("https://[::1", "huitang.example", False),
    ],
)
def test_only_our_own_pages_and_named_fronts(origin: str | None, host: str, allowed: bool) -> None:
    assert origin_allowed(origin, host, ("https://front.example",)) is allowed
