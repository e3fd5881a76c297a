"""The queue of raised hands. Pure."""

from __future__ import annotations

from server.protocol.models import HandInfo


class Hands:
    """In the order of raising; raising again keeps the place."""

    def __init__(self) -> None:
        self._raised: dict[str, int] = {}

    def __contains__(self, participant_id: str) -> bool:
        return participant_id in self._raised

    def raise_(self, participant_id: str, at_ms: int) -> None:
        self._raised.setdefault(participant_id, at_ms)

    def lower(self, participant_id: str) -> bool:
        """False: it was not up."""
        return self._raised.pop(participant_id, None) is not None

    def clear(self) -> None:
        self._raised.clear()

    def infos(self) -> tuple[HandInfo, ...]:
        return tuple(HandInfo(participant_id=who, raised_ms=at_ms) for who, at_ms in self._raised.items())
