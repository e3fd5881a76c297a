"""Which layers a publisher shall send, so that nothing is sent that nobody looks at. Pure: time comes in.

A layer is asked for at once, and given up when nobody has looked at it for three seconds: people turn pages to and fro.
"""

from __future__ import annotations

from collections.abc import Set

OFF_AFTER_S = 3.0
AGAIN_S = 5.0


class LayerDemand:
    """The state of one publication. A client begins with all layers."""

    __slots__ = ("_needed_at", "_rids", "_told", "_told_at", "awake_since")

    def __init__(self) -> None:
        self._rids: tuple[str, ...] = ()
        self._told: tuple[str, ...] = ()
        self._told_at = float("-inf")
        self._needed_at: dict[str, float] = {}
        self.awake_since = float("-inf")  # the publication has been asked for something since then

    @property
    def is_resting(self) -> bool:
        """Nothing is asked for, so that nothing is missed."""
        return not self._told

    @property
    def is_complete(self) -> bool:
        """Everything is asked for."""
        return self._told == self._rids

    def begin(self, rids: tuple[str, ...], now: float, *, is_resting: bool = False) -> None:
        """A connection of the publisher, whose encodings are all active; of another worker none, until asked for."""
        self._rids = rids
        self._told = () if is_resting else rids
        self._told_at = now
        self.awake_since = now
        self._needed_at = dict.fromkeys(rids, float("-inf") if is_resting else now)

    def ask(self, now: float, looked_at: Set[str], flowing: Set[str]) -> tuple[str, ...] | None:
        """What to tell the publisher now, None when it need not be told anything."""
        for rid in looked_at:
            self._needed_at[rid] = now
        wanted = tuple(rid for rid in self._rids if now - self._needed_at[rid] < OFF_AFTER_S)
        if wanted == self._told and (flowing == set(wanted) or now - self._told_at < AGAIN_S):
            return None
        if self.is_resting and wanted:
            self.awake_since = now
        self._told, self._told_at = wanted, now
        return wanted
