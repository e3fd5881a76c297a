"""A check that has been seen is known again, for a while, in a constant piece of memory."""

from __future__ import annotations

import hashlib

from media.ice.transactions import ID_BYTES, KEPT, RecentTransactions


def transaction(number: int) -> bytes:
    return hashlib.sha256(bytes([number & 0xFF, number >> 8])).digest()[:ID_BYTES]


def test_the_last_are_known_and_the_oldest_makes_room() -> None:
    seen = RecentTransactions()
    for number in range(1, KEPT + 1):
        assert transaction(number) not in seen
        seen.add(transaction(number))
    assert all(transaction(number) in seen for number in range(1, KEPT + 1))
    seen.add(transaction(KEPT + 1))
    assert transaction(1) not in seen
    assert transaction(2) in seen and transaction(KEPT + 1) in seen
