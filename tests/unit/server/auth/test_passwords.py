from __future__ import annotations

from server.auth.passwords import Passwords, generate_password


async def test_the_right_password_matches_and_no_other(passwords: Passwords) -> None:
    stored = await passwords.hash("一个很长的口令 with spaces")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.matches(stored, "一个很长的口令 with spaces")
    assert not await passwords.matches(stored, "一个很长的口令 with space")


async def test_an_unknown_account_matches_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches(None, "anything")


async def test_a_damaged_hash_matches_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches("$argon2id$nonsense", "anything")
    assert not await passwords.matches("-", "-")


def test_generated_passwords_are_long_and_differ() -> None:
    made = {generate_password() for _ in range(200)}
    assert len(made) == 200
    assert all(len(password) == 14 and password.count("-") == 2 for password in made)
    assert not any(set(password) & set("ilo01") for password in made)
