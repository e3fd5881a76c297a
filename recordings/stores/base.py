"""What the rest of the system may ask of an object store.

Keys are ``/``-separated names of ``[A-Za-z0-9._=-]`` parts without ``.`` or ``..`` parts. All methods are coroutines;
blocking SDKs run in their own threads. Bodies are whole ``bytes`` (segments are a few MB at most).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class ObjectInfo(NamedTuple):
    key: str
    size: int
    sha256: str  # hex; empty when the store cannot tell without reading
    content_type: str


class ObjectStore(Protocol):
    """At most ten calls. Errors: ``StoreError`` and its subclasses in recordings/errors.py, nothing else."""

    async def put(self, key: str, body: bytes, content_type: str, *, if_absent: bool = False) -> ObjectInfo:
        """Stores the whole object durably. ``if_absent``: ObjectExistsError when the key is taken."""

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive). ObjectMissingError; RangeError for a start behind the end."""

    async def stat(self, key: str) -> ObjectInfo:
        """ObjectMissingError when there is none."""

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """In the order of keys; sha256 may be empty."""

    async def delete(self, key: str) -> None:
        """No error for a missing key."""

    async def verify(self, key: str, sha256: str) -> bool:
        """Reads the object back and compares."""

    async def check(self) -> None:
        """StoreAwayError or StoreFullError with the reason when the store cannot take a small object now."""

    async def close(self) -> None: ...
