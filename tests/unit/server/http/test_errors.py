"""Exceptions become codes in one place; what nobody foresaw tells its hearer nothing but an id."""

from __future__ import annotations

import logging

import pytest
from pydantic import ValidationError

from recordings.errors import RangeError, StoreAwayError, StoreFullError
from server.error_map import STATUS, error_info
from server.errors import AppError, DatabaseAwayError, ForbiddenError, NotFoundError
from server.http.middleware import content_security_policy, error_response
from server.protocol.codes import ErrorCode
from server.protocol.http import Login
from server.telemetry.counters import counters


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(ErrorCode)
    assert all(400 <= status < 600 for status in STATUS.values())


@pytest.mark.parametrize(
    ("error", "code", "status", "retryable"),
    [
        (ForbiddenError(), ErrorCode.FORBIDDEN, 403, False),
        (NotFoundError("no such meeting"), ErrorCode.NOT_FOUND, 404, False),
        (DatabaseAwayError(), ErrorCode.DATABASE_AWAY, 503, True),
        (AppError(ErrorCode.LOG_UNAVAILABLE, retryable=True), ErrorCode.LOG_UNAVAILABLE, 503, True),
        (StoreAwayError("x"), ErrorCode.STORE_AWAY, 503, True),
        (StoreFullError("x"), ErrorCode.STORE_FULL, 507, True),
        (RangeError("x"), ErrorCode.STORE_AWAY, 503, True),
    ],
)
def test_known_errors(error: Exception, code: ErrorCode, status: int, retryable: bool) -> None:
    before = counters().get(f"error_{code.value}", 0)
    info = error_info(error)
    assert (info.code, info.retryable, info.error_id) == (code, retryable, None)
    assert error_response(info).status == status
    assert counters()[f"error_{code.value}"] == before + 1


def test_fields_are_named_without_their_values() -> None:
    with pytest.raises(ValidationError) as caught:
        Login.model_validate({"account": "x" * 99, "password": {"secret": "hunter2"}, "more": 1})
    info = error_info(caught.value)
    assert set(info.fields) == {"account", "password", "more"}
    assert "hunter2" not in info.model_dump_json()


def test_the_unforeseen_is_logged_under_an_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        info = error_info(ZeroDivisionError("the database password is hunter2"), "request-1")
    assert (info.code, info.error_id) == (ErrorCode.INTERNAL_ERROR, "request-1")
    assert "hunter2" not in info.model_dump_json()
    assert "request-1" in caplog.text
    assert error_info(ZeroDivisionError()).error_id


def test_who_must_wait_hears_how_long() -> None:
    error = AppError(ErrorCode.LOGIN_THROTTLED, fields={"retry_after_s": "30"})
    response = error_response(error_info(error))
    assert (response.status, response.headers["Retry-After"]) == (429, "30")


@pytest.mark.parametrize("host", ["huitang.example", "127.0.0.1:8080", "[::1]:8080"])
def test_sockets_of_our_own_host_are_allowed(host: str) -> None:
    assert f"connect-src 'self' ws://{host} wss://{host};" in content_security_policy(host)


@pytest.mark.parametrize("host", ["", "x; script-src *", "a b", "evil.example/", "x:99999999"])
def test_a_strange_host_does_not_get_into_the_policy(host: str) -> None:
    assert "connect-src 'self';" in content_security_policy(host)


def test_what_the_database_driver_said_is_not_for_the_asker() -> None:
    error = DatabaseAwayError("(OperationalError) no route [SQL: SELECT account.password_hash FROM account]")
    assert "SELECT" in str(error)  # for our own log
    assert error_info(error).message == "the database does not answer"
