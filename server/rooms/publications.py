"""What participants send: sources that are announced, and whether their packets flow. Pure."""

from __future__ import annotations

from media.control import Source
from server.protocol.models import PublicationInfo


def publication_id_of(participant_id: str, source: Source) -> str:
    return f"{participant_id}:{source}"


class Publications:
    """In order of their announcement. A publication exists even when no packet has come yet."""

    def __init__(self) -> None:
        self._by_id: dict[str, PublicationInfo] = {}
        self._flowing: set[str] = set()  # the worker may know of packets before the client announces them

    def get(self, publication_id: str) -> PublicationInfo | None:
        return self._by_id.get(publication_id)

    def add(self, participant_id: str, source: Source, *, muted: bool) -> PublicationInfo:
        publication_id = publication_id_of(participant_id, source)
        self._by_id[publication_id] = PublicationInfo(
            publication_id=publication_id,
            participant_id=participant_id,
            source=source,
            muted=muted,
            flowing=publication_id in self._flowing,
        )
        return self._by_id[publication_id]

    def remove(self, publication_id: str) -> bool:
        return self._by_id.pop(publication_id, None) is not None

    def set_muted(self, publication_id: str, muted: bool) -> PublicationInfo | None:
        """The changed publication; None: there is none or it was so already."""
        return self._change(publication_id, "muted", muted)

    def set_flowing(self, publication_id: str, flowing: bool) -> PublicationInfo | None:
        (self._flowing.add if flowing else self._flowing.discard)(publication_id)
        return self._change(publication_id, "flowing", flowing)

    def _change(self, publication_id: str, field: str, value: bool) -> PublicationInfo | None:
        old = self._by_id.get(publication_id)
        if old is None or getattr(old, field) == value:
            return None
        self._by_id[publication_id] = old.model_copy(update={field: value})
        return self._by_id[publication_id]

    def of(self, participant_id: str) -> list[str]:
        return [p.publication_id for p in self._by_id.values() if p.participant_id == participant_id]

    def forget_flow(self, participant_ids: tuple[str, ...] | None = None) -> list[PublicationInfo]:
        """Their media worker is gone: nothing of theirs (None: of anybody) flows. Returns what did."""
        flowing = [one for one in self._flowing if participant_ids is None or one.rpartition(":")[0] in participant_ids]
        return [changed for publication_id in flowing if (changed := self.set_flowing(publication_id, False))]

    def infos(self) -> tuple[PublicationInfo, ...]:
        return tuple(self._by_id.values())
