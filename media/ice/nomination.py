"""The path that a client has nominated and on which he has not answered yet. Pure, time comes in as an argument."""

from __future__ import annotations

from media.udp import Address

AGAIN_S, ASKS = 0.1, 6  # asked again after this, twice that and so on, so often by itself


class Nomination:
    """``address`` is None when nothing is awaited."""

    __slots__ = ("_due_at", "_left", "address")

    def __init__(self) -> None:
        self.address: Address | None = None
        self._left, self._due_at = 0, 0.0

    def begin(self, address: Address, now: float) -> None:
        """He nominates it, perhaps once more."""
        if address != self.address:
            self.address, self._left, self._due_at = address, ASKS, now + AGAIN_S

    def end(self) -> None:
        self.address = None

    def due(self, now: float) -> Address | None:
        """Where to ask again now: a question may be lost, or its answer, and he may not check for seconds."""
        if self.address is None or now < self._due_at or not self._left:
            return None
        self._left -= 1
        self._due_at = now + AGAIN_S * 2 ** (ASKS - self._left)
        return self.address
