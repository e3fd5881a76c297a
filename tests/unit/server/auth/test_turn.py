"""TURN credentials as coturn's REST scheme wants them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

import pytest

from server.auth.turn import TTL_S, TurnServers
from server.settings import load_settings


@dataclass
class _Clock:
    def now_ms(self) -> int:
        return 1_800_000_000_999

    def monotonic_ms(self) -> int:
        return 0


def test_the_name_carries_the_expiry_and_the_password_is_its_hmac() -> None:
    (server,) = TurnServers(("turn:relay:3478",), "north", _Clock()).for_participant("p1")
    assert server.urls == ("turn:relay:3478",)
    assert server.username == f"{1_800_000_000 + TTL_S}:p1"
    expected = hmac.new(b"north", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected


def test_without_an_address_there_is_none() -> None:
    assert TurnServers((), "north", _Clock()).for_participant("p1") == ()


def test_settings_name_what_is_wrong_with_the_addresses() -> None:
    good = load_settings({"TURN_URLS": "turn:a:3478, turns:a:5349", "TURN_SECRET": "s"})
    assert good.turn_urls == ("turn:a:3478", "turns:a:5349")
    with pytest.raises(ValueError, match="TURN_URLS must be"):
        load_settings({"TURN_URLS": "stun:a:3478", "TURN_SECRET": "s"})
    with pytest.raises(ValueError, match="needs TURN_SECRET"):
        load_settings({"TURN_URLS": "turn:a:3478"})
