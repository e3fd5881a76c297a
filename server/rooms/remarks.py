"""Remarks on the record: written ones and turns on the floor. Pure."""

from __future__ import annotations

import hashlib

from server.protocol.models import RemarkInfo

SHOWN = 200  # in a snapshot; the record holds all


class Remarks:
    """In order of their beginning."""

    def __init__(self) -> None:
        self._remarks: dict[str, RemarkInfo] = {}

    def get(self, remark_id: str) -> RemarkInfo | None:
        return self._remarks.get(remark_id)

    def add(self, remark: RemarkInfo) -> None:
        self._remarks[remark.remark_id] = remark

    def end(self, remark_id: str, until_ms: int) -> RemarkInfo:
        ended = self._remarks[remark_id].model_copy(update={"until_ms": until_ms})
        self._remarks[remark_id] = ended
        return ended

    def last(self) -> tuple[RemarkInfo, ...]:
        return tuple(self._remarks.values())[-SHOWN:]


def remark_id_of(participant_id: str, request_id: str) -> str:
    """The same request makes the same id, so a remark that is sent again after a crash is known to be the same."""
    return hashlib.sha256(f"{participant_id}/{request_id}".encode()).hexdigest()[:32]
