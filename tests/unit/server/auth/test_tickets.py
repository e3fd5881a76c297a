from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.auth.actor import Actor
from server.auth.tickets import LIFETIME_MS, PER_MINUTE, Tickets
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.protocol.models import RoomRole
from tests.conftest import SetClock

KEY = bytes(range(32))
ACTOR = Actor("account1", "member1", "王建国", (), ())


@pytest.fixture
def tickets(clock: SetClock) -> Tickets:
    return Tickets(KEY, clock)


def issue(tickets: Tickets, clock: SetClock) -> str:
    return tickets.issue("meeting1", ACTOR, RoomRole.MEMBER, "phone", clock.now_ms()).ticket


def refusal(tickets: Tickets, text: str) -> ErrorCode:
    with pytest.raises(AppError) as caught:
        tickets.redeem(text)
    return caught.value.code


def b64(value: dict[str, Any] | bytes) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_ticket_says_who_goes_where(tickets: Tickets, clock: SetClock) -> None:
    issued = tickets.issue("meeting1", ACTOR, RoomRole.HOST, "desktop", clock.now_ms())
    assert issued.expires_ms == clock.now_ms() + LIFETIME_MS
    claims = tickets.redeem(issued.ticket)
    assert (claims.meeting_id, claims.member_id, claims.account_id) == ("meeting1", "member1", "account1")
    assert (claims.name, claims.role, claims.device) == ("王建国", RoomRole.HOST, "desktop")
    assert claims.jti


def test_a_ticket_is_good_once(tickets: Tickets, clock: SetClock) -> None:
    text = issue(tickets, clock)
    tickets.redeem(text)
    assert refusal(tickets, text) == ErrorCode.TICKET_USED
    clock.advance(LIFETIME_MS)
    assert refusal(tickets, text) == ErrorCode.TICKET_EXPIRED


def test_a_ticket_is_good_for_a_minute(tickets: Tickets, clock: SetClock) -> None:
    early, late = issue(tickets, clock), issue(tickets, clock)
    clock.advance(LIFETIME_MS - 1)
    tickets.redeem(early)
    clock.advance(1)
    assert refusal(tickets, late) == ErrorCode.TICKET_EXPIRED


def test_after_a_restart_earlier_tickets_are_not_good_a_second_time(tickets: Tickets, clock: SetClock) -> None:
    text = issue(tickets, clock)
    tickets.redeem(text)
    clock.advance(1)
    assert refusal(Tickets(KEY, clock), text) == ErrorCode.TICKET_EXPIRED


def test_a_ticket_of_another_installation_is_not_ours(tickets: Tickets, clock: SetClock) -> None:
    assert refusal(tickets, issue(Tickets(bytes(32), clock), clock)) == ErrorCode.TICKET_INVALID


def test_no_single_changed_character_is_taken(tickets: Tickets, clock: SetClock) -> None:
    text = issue(tickets, clock)
    for position, old in enumerate(text):
        changed = text[:position] + ("A" if old != "A" else "B") + text[position + 1 :]
        assert refusal(tickets, changed) == ErrorCode.TICKET_INVALID, position
    tickets.redeem(text)


@pytest.mark.parametrize("text", ["", ".", "..", "...", "a.b", "a.b.c", "中.文.票", "x" * 5000, "\0.\0.\0"])
def test_rubbish_is_no_ticket(tickets: Tickets, text: str) -> None:
    assert refusal(tickets, text) == ErrorCode.TICKET_INVALID


def test_the_algorithm_cannot_be_chosen_by_the_sender(tickets: Tickets, clock: SetClock) -> None:
    """RFC 8725 §2.1: "none", and the public key as an HMAC secret."""
    header, claims, signature = issue(tickets, clock).split(".")
    kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    public = Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw()
    for algorithm in ("none", "None", "HS256", "ES256", "eddsa"):
        forged = b64({"alg": algorithm, "kid": kid, "typ": "JWT"})
        mac = b64(hmac.digest(public, f"{forged}.{claims}".encode(), hashlib.sha256))
        for end in ("", signature, mac):
            assert refusal(tickets, f"{forged}.{claims}.{end}") == ErrorCode.TICKET_INVALID
    assert refusal(tickets, f"{header}.{claims}.") == ErrorCode.TICKET_INVALID


def test_a_ticket_has_one_spelling_only(tickets: Tickets, clock: SetClock) -> None:
    text = issue(tickets, clock)
    for variant in (text + "=", text + "==", text + "\n", text.replace(".", ". ", 1)):
        assert refusal(tickets, variant) == ErrorCode.TICKET_INVALID


def test_tickets_are_rationed_per_member_and_meeting(tickets: Tickets, clock: SetClock) -> None:
    for _ in range(PER_MINUTE):
        issue(tickets, clock)
    with pytest.raises(AppError) as caught:
        issue(tickets, clock)
    assert caught.value.code == ErrorCode.RATE_LIMITED
    clock.advance(60_000 // PER_MINUTE)
    issue(tickets, clock)


def test_used_ids_do_not_pile_up(tickets: Tickets, clock: SetClock) -> None:
    for _ in range(40):
        tickets.redeem(issue(tickets, clock))
        clock.advance(10_000)
    assert len(tickets._used) <= LIFETIME_MS // 10_000 + 1
