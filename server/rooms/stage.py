"""What the host has pinned for everybody. Pure."""

from __future__ import annotations


class Stage:
    def __init__(self) -> None:
        self.pinned: str | None = None

    def pin(self, publication_id: str | None) -> None:
        self.pinned = publication_id
