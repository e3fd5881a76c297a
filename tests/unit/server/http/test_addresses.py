from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from server.http.addresses import client_address, is_secure, is_trusted
from server.http.health_api import _is_loopback
from server.settings import load_settings


def request(remote: str, *headers: tuple[str, str]) -> Any:
    return make_mocked_request("GET", "/", CIMultiDict(headers)).clone(remote=remote)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.9"], "192.0.2.1"),  # anybody can write this header
        ("10.0.0.1", ["198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["203.0.113.5, 198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["203.0.113.5", "198.51.100.9, 10.0.0.2"], "198.51.100.9"),
        ("10.0.0.1", ["", " , "], "10.0.0.1"),
    ],
)
def test_only_trusted_fronts_are_believed(remote: str, forwarded: list[str], address: str) -> None:
    headers = [("X-Forwarded-For", line) for line in forwarded]
    assert client_address(request(remote, *headers), ("10.0.0.1", "10.0.0.2")) == address


@pytest.mark.parametrize(
    ("address", "trusted"),
    [("172.30.10.7", True), ("::ffff:172.30.10.7", True), ("172.30.11.7", False), ("fd00::9", True), ("unix", False)],
)
def test_a_front_may_be_named_by_its_network(address: str, trusted: bool) -> None:
    assert is_trusted(address, ("172.30.10.0/24", "fd00::/64")) is trusted


def test_a_proxy_that_is_no_address_stops_the_start() -> None:
    assert load_settings({"TRUSTED_PROXIES": "10.0.0.1, 172.30.10.0/24"}).trusted_proxies[1] == "172.30.10.0/24"
    with pytest.raises(ValueError, match="TRUSTED_PROXIES"):
        load_settings({"TRUSTED_PROXIES": "front.example"})


@pytest.mark.parametrize(("remote", "secure"), [("10.0.0.1", True), ("192.0.2.1", False)])
def test_only_a_trusted_front_says_that_it_was_tls(remote: str, secure: bool) -> None:
    assert is_secure(request(remote, ("X-Forwarded-Proto", "https")), ("10.0.0.1",)) is secure


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("", False), ("unix", False), ("fe80::1%eth0", False)],
)
def test_loopback(address: str, loopback: bool) -> None:
    assert _is_loopback(address) is loopback
