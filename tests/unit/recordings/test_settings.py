"""Settings of the recorder."""

from __future__ import annotations

from pathlib import Path

import pytest

from recordings.settings import read_settings

GOOD = {
    "SERVER_URL": "https://127.0.0.1:1/",
    "WORKER_TOKEN": "secret-token",
    "OBJECT_STORE": "file:///store",
    "RECORDINGS_SPOOL": "/spool",
}


def test_defaults() -> None:
    settings = read_settings(GOOD)
    assert settings.server_url == "https://127.0.0.1:1" and settings.tls_verify
    assert settings.spool == Path("/spool") and settings.recorder_id


def test_everything_can_be_set() -> None:
    settings = read_settings({**GOOD, "RECORDER_ID": "r", "RECORDINGS_TLS_VERIFY": "0"})
    assert settings.recorder_id == "r" and not settings.tls_verify


@pytest.mark.parametrize("name", GOOD)
def test_what_is_missing_is_named_and_no_value_shown(name: str) -> None:
    with pytest.raises(ValueError, match=name) as caught:
        read_settings({key: value for key, value in GOOD.items() if key != name})
    assert "secret-token" not in str(caught.value)
