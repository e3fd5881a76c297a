"""Which processes there are, and what each is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.settings import Settings
from server.supervisor.programs import media_worker_count, programs

TLS = (Path("cert.pem"), Path("key.pem"))


def test_one_server_one_recorder_and_the_wanted_media_workers() -> None:
    found = programs(Settings(), {"MEDIA_WORKERS": "1"}, "token", None)
    assert [program.name for program in found] == ["server", "media-0", "recorder-0"]
    assert {program.env["WORKER_TOKEN"] for program in found} == {"token"}


def test_one_media_worker_per_core_at_most_four_unless_told() -> None:
    assert [media_worker_count({}, cores) for cores in (1, 2, 4, 64)] == [1, 2, 4, 4]
    assert media_worker_count({"MEDIA_WORKERS": "16"}, 64) == 16
    assert media_worker_count({"MEDIA_WORKERS": "16"}, 2) == 2
    assert media_worker_count({"MEDIA_WORKERS": "0"}, 2) == 1
    assert 1 <= media_worker_count({}) <= 4
    with pytest.raises(ValueError, match="invalid literal"):
        media_worker_count({"MEDIA_WORKERS": "many"})


def test_on_loopback_any_media_port_will_do() -> None:
    media = programs(Settings(), {"MEDIA_WORKERS": "1"}, "t", None)[1].env
    assert media["MEDIA_PORT"] == "0"
    assert media["MEDIA_HOST"] == "127.0.0.1"
    assert media["SERVER_URL"] == "http://127.0.0.1:8080"


def test_on_a_public_address_the_media_port_is_fixed_and_tls_is_used() -> None:
    found = programs(Settings(host="0.0.0.0", port=8443), {"MEDIA_WORKERS": "1"}, "t", TLS)
    media = found[1].env
    assert media["MEDIA_PORT"] == "40000"
    assert media["SERVER_URL"] == "https://127.0.0.1:8443"
    assert media["MEDIA_TLS_VERIFY"] == "0"
    assert found[0].env["TLS_CERT"] == "cert.pem"


def test_a_given_media_port_counts_up_for_further_workers() -> None:
    found = programs(Settings(), {"MEDIA_PORT": "5000"}, "t", None)
    ports = [program.env["MEDIA_PORT"] for program in found if program.name.startswith("media")]
    assert ports == [str(5000 + number) for number in range(len(ports))]
