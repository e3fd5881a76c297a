"""Binding requests as aioice makes them, and as nobody should."""

from __future__ import annotations

from itertools import count

import pytest
from aioice import stun as theirs
from hypothesis import given
from hypothesis import strategies as st

from media.ice import stun

PASSWORD = "a password of the worker"


def request(
    username: str = "ours:theirs",
    password: str = PASSWORD,
    use_candidate: bool = False,
    role: str = "ICE-CONTROLLING",
) -> bytes:
    message = theirs.Message(message_method=theirs.Method.BINDING, message_class=theirs.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    message.attributes[role] = 5
    if use_candidate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


def test_a_good_request_is_understood_and_authentic() -> None:
    data = request(use_candidate=True)
    parsed = stun.parse_request(data)
    assert (parsed.local_ufrag, parsed.remote_ufrag, parsed.use_candidate) == ("ours", "theirs", True)
    assert stun.parse_request(request("ours")).remote_ufrag == ""
    assert stun.is_authentic(data, parsed, PASSWORD.encode())
    assert not stun.parse_request(request()).use_candidate
    assert not stun.parse_request(request()).claims_controlled
    assert stun.parse_request(request(role="ICE-CONTROLLED")).claims_controlled


def test_every_changed_byte_is_noticed() -> None:
    data = request()
    fingerprint = len(data) - 8  # its own type and length are the only bytes that nothing covers
    for index in (*range(fingerprint), *range(fingerprint + 4, len(data))):
        changed = data[:index] + bytes((data[index] ^ 1,)) + data[index + 1 :]
        try:
            parsed = stun.parse_request(changed)
        except ValueError:
            continue
        assert not stun.is_authentic(changed, parsed, PASSWORD.encode()), index


def test_a_wrong_password_is_noticed() -> None:
    data = request(password="another password")
    assert not stun.is_authentic(data, stun.parse_request(data), PASSWORD.encode())


@pytest.mark.parametrize("host", ["192.0.2.33", "2001:db8::7:33"])
def test_the_response_is_what_aioice_expects(host: str) -> None:
    parsed = stun.parse_request(request())
    answer = stun.binding_response(parsed.transaction_id, (host, 45678), PASSWORD.encode())
    message = theirs.parse_message(answer)
    assert message.check_message_integrity(PASSWORD.encode())
    assert message.message_class == theirs.Class.RESPONSE
    assert message.transaction_id == parsed.transaction_id
    assert message.attributes["XOR-MAPPED-ADDRESS"] == (host, 45678)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request()[:19],
        request()[:-4],
        request() + b"\0\0\0\0",
        b"\x01\x01" + request()[2:],
        request()[:4] + b"\0\0\0\0" + request()[8:],
        request()[:2] + b"\0\0" + request()[4:20],
        request("x" * 600),
    ],
    ids=map(str, count()),  # requests are random
)
def test_malformed_requests_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"STUN|binding|MESSAGE"):
        stun.parse_request(data)


def test_a_request_without_integrity_is_refused() -> None:
    message = theirs.Message(message_method=theirs.Method.BINDING, message_class=theirs.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    with pytest.raises(ValueError, match="lacks"):
        stun.parse_request(bytes(message))


@given(st.binary(max_size=100))
def test_any_body(body: bytes) -> None:
    body += bytes(-len(body) % 4)
    data = b"\0\1" + len(body).to_bytes(2, "big") + stun.MAGIC + bytes(12) + body
    try:
        parsed = stun.parse_request(data)
    except ValueError:
        return
    assert not stun.is_authentic(data, parsed, PASSWORD.encode())


def test_our_own_request_is_what_aioice_expects() -> None:
    message = theirs.parse_message(stun.binding_request(bytes(12), "theirs:ours", PASSWORD.encode()))
    assert message.check_message_integrity(PASSWORD.encode())
    assert (message.message_class, message.attributes["USERNAME"]) == (theirs.Class.REQUEST, "theirs:ours")
    assert "ICE-CONTROLLED" in message.attributes
    assert "USE-CANDIDATE" not in message.attributes


def test_an_answer_of_aioice_is_understood() -> None:
    message = theirs.Message(
        message_method=theirs.Method.BINDING, message_class=theirs.Class.RESPONSE, transaction_id=b"x" * 12
    )
    message.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.1", 5)
    with pytest.raises(ValueError, match="lacks"):
        stun.parse_success(bytes(message))
    message.add_message_integrity(PASSWORD.encode())
    answer = stun.parse_success(bytes(message))
    assert answer.transaction_id == b"x" * 12
    assert stun.is_authentic(bytes(message), answer, PASSWORD.encode())
    assert not stun.is_authentic(bytes(message), answer, b"another")
