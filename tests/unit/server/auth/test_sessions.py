from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from server.auth.passwords import Passwords
from server.auth.sessions import IDLE_MS, LONGEST_MS, Sessions, same_token
from server.auth.throttle import ACCOUNT_FAILURES, ADDRESS_FAILURES, LONGEST_DELAY_MS, Throttle, delay_ms
from server.cli.reset_password import reset_password
from server.errors import AppError
from server.protocol.codes import ErrorCode
from server.storage.engine import Database
from server.storage.models import Account, LoginAttempt, LoginSession
from tests.conftest import SetClock
from tests.unit.server.auth.conftest import LOGIN, PASSWORD


async def refused(sessions: Sessions, login: str, password: str, address: str = "192.0.2.1") -> AppError:
    with pytest.raises(AppError) as caught:
        await sessions.login(login, password, address=address)
    return caught.value


async def test_a_login_opens_a_session_that_is_found_by_its_token(sessions: Sessions, db: Database) -> None:
    opened = await sessions.login(f" {LOGIN.upper()} ", PASSWORD, address="192.0.2.1", user_agent="x" * 999)
    assert opened.actor.name == "李红梅"
    assert [r.role for r in opened.actor.roles] == ["secretary"]
    found = await sessions.find(opened.token)
    assert found is not None
    assert (found.actor, found.csrf_token, found.login) == (opened.actor, opened.csrf_token, LOGIN)
    async with db.session() as session:
        row = (await session.execute(select(LoginSession))).scalar_one()
    assert opened.token not in (row.token_sha256, row.csrf_token)
    assert len(row.user_agent) == 255


async def test_an_unknown_account_hears_the_same_as_a_wrong_password(sessions: Sessions) -> None:
    wrong, unknown = await refused(sessions, LOGIN, "wrong"), await refused(sessions, "nobody", "wrong")
    assert wrong.code == unknown.code == ErrorCode.BAD_CREDENTIALS
    assert (wrong.message, wrong.fields) == (unknown.message, unknown.fields)


async def test_a_disabled_account_can_neither_log_in_nor_go_on(sessions: Sessions, db: Database) -> None:
    opened = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    async with db.session() as session:
        await session.execute(update(Account).values(disabled=True))
    assert await sessions.find(opened.token) is None
    assert (await refused(sessions, LOGIN, PASSWORD)).code == ErrorCode.BAD_CREDENTIALS


async def test_a_new_login_ends_the_old_session_of_the_browser(sessions: Sessions) -> None:
    first = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    second = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1", old_token=first.token)
    assert await sessions.find(first.token) is None
    assert await sessions.find(second.token) is not None


async def test_an_idle_session_ends_and_a_used_one_does_not(sessions: Sessions, clock: SetClock) -> None:
    idle = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    used = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    for _ in range(3):
        clock.advance(IDLE_MS // 2)
        assert await sessions.find(used.token) is not None
    assert await sessions.find(idle.token) is None


async def test_no_session_outlives_a_week(sessions: Sessions, clock: SetClock) -> None:
    opened = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    for _ in range(LONGEST_MS // IDLE_MS + 2):
        clock.advance(IDLE_MS - 1)
        await sessions.find(opened.token)
    assert await sessions.find(opened.token) is None


async def test_revoked_sessions_are_gone_at_once(sessions: Sessions, db: Database) -> None:
    first = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    second = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    await sessions.revoke(first.token)
    assert await sessions.find(first.token) is None
    await sessions.revoke_all(second.actor.account_id)
    assert await sessions.find(second.token) is None


async def test_old_rows_are_swept_away(sessions: Sessions, clock: SetClock, db: Database) -> None:
    await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    await refused(sessions, "nobody", "wrong")
    clock.advance(IDLE_MS + 1)
    await sessions.forget_old()
    async with db.session() as session:
        assert (await session.execute(select(LoginSession))).all() == []
        assert (await session.execute(select(LoginAttempt))).all() == []


async def test_the_account_is_locked_for_a_growing_time_but_never_for_ever(sessions: Sessions, clock: SetClock) -> None:
    for left in reversed(range(ACCOUNT_FAILURES)):
        assert (await refused(sessions, LOGIN, "wrong")).fields == {"tries_left": str(left)}
    locked = await refused(sessions, LOGIN, PASSWORD, "198.51.100.7")
    assert locked.code == ErrorCode.LOGIN_THROTTLED
    assert locked.fields == {"retry_after_s": "30"}
    clock.advance(30_000)
    assert (await refused(sessions, LOGIN, "wrong")).code == ErrorCode.BAD_CREDENTIALS
    assert (await refused(sessions, LOGIN, PASSWORD)).fields == {"retry_after_s": "60"}
    clock.advance(LONGEST_DELAY_MS)
    assert await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    assert (await refused(sessions, LOGIN, "wrong")).fields == {"tries_left": str(ACCOUNT_FAILURES - 1)}


def test_the_delay_stops_growing_at_a_quarter_of_an_hour() -> None:
    assert [delay_ms(n) // 1000 for n in (0, 1, 2, 3, 4, 5, 100)] == [30, 60, 120, 240, 480, 900, 900]


async def test_unknown_accounts_are_throttled_like_known_ones(sessions: Sessions) -> None:
    codes = [(await refused(sessions, "nobody", "wrong")).code for _ in range(ACCOUNT_FAILURES + 1)]
    assert codes == [ErrorCode.BAD_CREDENTIALS] * ACCOUNT_FAILURES + [ErrorCode.LOGIN_THROTTLED]


async def test_an_address_that_tries_many_accounts_is_stopped(sessions: Sessions) -> None:
    for number in range(ADDRESS_FAILURES):
        assert (await refused(sessions, f"guess{number}", "wrong")).code == ErrorCode.BAD_CREDENTIALS
    assert (await refused(sessions, LOGIN, PASSWORD)).code == ErrorCode.LOGIN_THROTTLED
    assert await sessions.login(LOGIN, PASSWORD, address="198.51.100.7")


async def test_an_own_login_does_not_clear_the_address(sessions: Sessions, throttle: Throttle) -> None:
    for number in range(ADDRESS_FAILURES - 1):
        await throttle.admit(f"guess{number}", "192.0.2.1")
    await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    await throttle.admit("one-more", "192.0.2.1")
    assert (await refused(sessions, LOGIN, PASSWORD)).code == ErrorCode.LOGIN_THROTTLED


async def test_guesses_sent_at_once_get_no_more_tries(throttle: Throttle) -> None:
    results = await asyncio.gather(*(throttle.admit(LOGIN, "192.0.2.1") for _ in range(30)), return_exceptions=True)
    assert sum(result is None for result in results) == ACCOUNT_FAILURES


async def test_the_step_up_is_throttled_as_well(sessions: Sessions) -> None:
    actor = (await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")).actor
    await sessions.confirm_password(actor, PASSWORD)
    codes = []
    for _ in range(ACCOUNT_FAILURES + 1):
        with pytest.raises(AppError) as caught:
            await sessions.confirm_password(actor, "wrong")
        codes.append(caught.value.code)
    assert codes == [ErrorCode.BAD_CREDENTIALS] * ACCOUNT_FAILURES + [ErrorCode.LOGIN_THROTTLED]


def test_tokens_are_compared_whole() -> None:
    assert same_token("abc", "abc")
    assert not same_token("ab", "abc")
    assert not same_token(None, "abc")
    assert not same_token("中", "abc")


NEW_PASSWORD = "another-good-password"


async def test_changing_the_password_ends_every_other_session(sessions: Sessions) -> None:
    other = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    mine = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    await sessions.change_password(mine, PASSWORD, NEW_PASSWORD)
    assert await sessions.find(mine.token) is not None
    assert await sessions.find(other.token) is None
    assert (await refused(sessions, LOGIN, PASSWORD)).code == ErrorCode.BAD_CREDENTIALS
    assert await sessions.login(LOGIN, NEW_PASSWORD, address="192.0.2.1")


@pytest.mark.parametrize("weak", ["short", PASSWORD, "abababababab", f"{LOGIN}-2026-{LOGIN}"])
async def test_a_weak_password_is_not_taken(sessions: Sessions, weak: str) -> None:
    mine = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    with pytest.raises(AppError) as caught:
        await sessions.change_password(mine, PASSWORD, weak)
    assert (caught.value.code, set(caught.value.fields)) == (ErrorCode.VALIDATION, {"new"})
    assert await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")


async def test_changing_the_password_wants_the_old_one(sessions: Sessions) -> None:
    mine = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    with pytest.raises(AppError) as caught:
        await sessions.change_password(mine, "wrong", NEW_PASSWORD)
    assert caught.value.code == ErrorCode.BAD_CREDENTIALS


async def test_a_login_that_was_being_compared_while_the_password_changed_opens_nothing(
    sessions: Sessions, db: Database, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = passwords.matches

    async def slow(stored: str | None, password: str) -> bool:
        right = await matches(stored, password)
        async with db.session() as session:
            await session.execute(update(Account).values(password_hash=await passwords.hash(NEW_PASSWORD)))
        return right

    monkeypatch.setattr(passwords, "matches", slow)
    assert (await refused(sessions, LOGIN, PASSWORD)).code == ErrorCode.BAD_CREDENTIALS
    async with db.session() as session:
        assert (await session.execute(select(LoginSession))).all() == []


async def test_an_administrator_resets_a_password(sessions: Sessions, db: Database, passwords: Passwords) -> None:
    before = await sessions.login(LOGIN, PASSWORD, address="192.0.2.1")
    for _ in range(ACCOUNT_FAILURES):
        await refused(sessions, LOGIN, "wrong")
    password = await reset_password(db, passwords, f" {LOGIN.upper()}")
    assert await sessions.find(before.token) is None
    assert (await sessions.login(LOGIN, password, address="192.0.2.1")).must_change_password
    with pytest.raises(ValueError, match="no account"):
        await reset_password(db, passwords, "nobody")
