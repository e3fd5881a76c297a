"""Passwords: argon2id in two threads of its own, so that many logins at once never hold up the event loop."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage Cheat Sheet: argon2id with at least 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
SHORTEST = 12
FEWEST_DIFFERENT = 5  # characters: neither 111111111111 nor abababababab
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else


class Passwords:
    """Hashes and compares. ``close`` ends the threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
        self._nobody = _HASHER.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _HASHER.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """``stored`` None: there is no such account. The same work is done, so that the time tells nothing."""
        right = await asyncio.get_running_loop().run_in_executor(
            self._threads, _compare, stored or self._nobody, password
        )
        return right and stored is not None

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def weakness(new: str, *, old: str, login: str) -> str | None:
    """Why a password is not accepted, for developers; None: it is. NIST SP 800-63B: length counts, not mixtures."""
    if len(new) < SHORTEST:
        return f"must have at least {SHORTEST} characters"
    if new == old:
        return "must differ from the old one"
    if len(set(new.casefold())) < FEWEST_DIFFERENT or login.casefold() in new.casefold():
        return "is too easy to guess"
    return None


def generate_password() -> str:
    """Twelve letters and digits in three groups, about 59 bits: to be typed once from a terminal or a slip of paper."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


def _compare(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
