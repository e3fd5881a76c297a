"""Opens the object store that a URL names.

``file:///folder`` is a LocalStore; ``s3://key:secret@host:port/bucket?secure=0&region=us-east-1`` an S3Store.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from recordings.stores.base import ObjectStore
from recordings.stores.local import LocalStore

if TYPE_CHECKING:
    from recordings.stores.s3 import S3Settings


async def open_store(url: str) -> ObjectStore:
    """The store, able to take objects. ValueError for a bad URL (never showing it: it holds a secret); StoreError."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        local = LocalStore(Path(unquote(parts.path)))
        await local.check()
        return local
    if parts.scheme == "s3":
        # Here, not above: the SDK takes most of a second to import, and a recorder must be back fast.
        from recordings.stores.s3 import S3Store

        store = S3Store(s3_settings(parts))
        await store.open()
        return store
    raise ValueError("an object store URL is file:///folder or s3://key:secret@host:port/bucket")


def s3_settings(parts: SplitResult) -> S3Settings:
    from recordings.stores.s3 import S3Settings

    bucket = parts.path.strip("/")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if not (parts.hostname and parts.username and parts.password and bucket) or "/" in bucket:
        raise ValueError("an S3 URL names a key, a secret, a host and one bucket")
    if unknown := set(query) - {"secure", "region"}:
        raise ValueError(f"unknown parameters in the S3 URL: {', '.join(sorted(unknown))}")
    return S3Settings(
        endpoint=f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname,
        access_key=unquote(parts.username),
        secret_key=unquote(parts.password),
        bucket=bucket,
        secure=query.get("secure", "1") != "0",
        region=query.get("region", "us-east-1"),
    )
