"""The transactions of a client's last checks. Pure."""

from __future__ import annotations

ID_BYTES = 12  # RFC 8489 §5: 96 random bits. So what is found across two of them, or of zeros, is nobody's by accident
KEPT = 256  # minutes of checks


class RecentTransactions:
    """In one piece of 3 KiB: as objects they would take each viewer 12, little by little."""

    __slots__ = ("_ids", "_next")

    def __init__(self) -> None:
        self._ids = bytearray(KEPT * ID_BYTES)
        self._next = 0

    def add(self, transaction_id: bytes) -> None:
        """The oldest makes room for it."""
        self._ids[self._next : self._next + ID_BYTES] = transaction_id
        self._next = (self._next + ID_BYTES) % len(self._ids)

    def __contains__(self, transaction_id: bytes) -> bool:
        return transaction_id in self._ids
