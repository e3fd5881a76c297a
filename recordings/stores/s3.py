"""An object store behind the S3 protocol: the one door to the minio SDK.

The SDK is synchronous, so that every call runs in the store's own threads. The region is always passed (the SDK
would ask the server for it otherwise) and the bucket is made at start-up: the first object of a new bucket takes
SeaweedFS some seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, ParamSpec, TypeVar

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from recordings.errors import (
    BadKeyError,
    ObjectExistsError,
    ObjectMissingError,
    RangeError,
    StoreAwayError,
    StoreError,
    StoreFullError,
)
from recordings.stores.base import ObjectInfo
from recordings.stores.keys import check_key, check_prefix

P = ParamSpec("P")
T = TypeVar("T")

_SHA256 = "x-amz-meta-sha256"
_CHECK_KEY = "check/writable"
_CONNECT_TIMEOUT_S = 3.0
_READ_TIMEOUT_S = 30.0
_MISSING = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchVersion", "ResourceNotFound"})
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "EntityTooLarge", "InsufficientStorage", "StorageFull"})
_BAD_KEY = frozenset({"InvalidObjectName", "KeyTooLongError", "ExistingObjectIsDirectory"})
_MADE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
HTTP_INSUFFICIENT_STORAGE = 507


class S3Settings(NamedTuple):
    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    secure: bool = True
    region: str = "us-east-1"


class S3Store:
    """One bucket of an S3 server."""

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = settings.bucket
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="s3-store")
        self._http = urllib3.PoolManager(
            maxsize=8,
            timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S),
            retries=False,  # the callers retry; they know how long they may wait
            cert_reqs="CERT_REQUIRED",
            ca_certs=certifi.where(),
        )
        self._client = Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            secure=settings.secure,
            region=settings.region,
            http_client=self._http,
        )

    async def open(self) -> None:
        """Makes the bucket when there is none, and one small object so that its room is allocated."""
        await self._run(self._make_bucket)
        await self.check()

    async def put(self, key: str, body: bytes, content_type: str, *, if_absent: bool = False) -> ObjectInfo:
        return await self._run(self._put, check_key(key), body, content_type, if_absent)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        return await self._run(self._get, check_key(key), start, end)

    async def stat(self, key: str) -> ObjectInfo:
        return await self._run(self._stat, check_key(key))

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        for info in await self._run(self._list, check_prefix(prefix)):
            yield info

    async def delete(self, key: str) -> None:
        await self._run(self._client.remove_object, self._bucket, check_key(key))

    async def verify(self, key: str, sha256: str) -> bool:
        body = await self.get(key)
        return hashlib.sha256(body).hexdigest() == sha256

    async def check(self) -> None:
        await self._run(self._put, _CHECK_KEY, b"check", "text/plain", False)

    async def close(self) -> None:
        self._pool.shutdown(wait=True)
        self._http.clear()

    async def _run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        except (MinioException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _translate(error) from error

    # --- blocking half ------------------------------------------------------------------------------------------------

    def _make_bucket(self) -> None:
        if self._client.bucket_exists(self._bucket):
            return
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in _MADE:
                raise

    def _put(self, key: str, body: bytes, content_type: str, if_absent: bool) -> ObjectInfo:
        sha256 = hashlib.sha256(body).hexdigest()
        if if_absent:
            # The SDK has no public conditional PUT; tests/contract/test_object_store.py guards this private name.
            headers: dict[str, str | list[str] | tuple[str]] = {
                "If-None-Match": "*",
                "Content-Type": content_type,
                _SHA256: sha256,
            }
            self._client._put_object(self._bucket, key, body, headers)
        else:
            self._client.put_object(
                self._bucket, key, io.BytesIO(body), len(body), content_type, metadata={"sha256": sha256}
            )
        return ObjectInfo(key, len(body), sha256, content_type)

    def _get(self, key: str, start: int, end: int | None) -> bytes:
        if end is not None and end <= start:
            self._stat(key)
            return b""
        length = 0 if end is None else end - start
        response = self._client.get_object(self._bucket, key, offset=start, length=length)
        try:
            return bytes(response.read())
        finally:
            response.close()
            response.release_conn()

    def _stat(self, key: str) -> ObjectInfo:
        found = self._client.stat_object(self._bucket, key)
        metadata = {name.lower(): value for name, value in dict(found.metadata or {}).items()}
        content_type = str(found.content_type or "application/octet-stream")
        return ObjectInfo(key, int(found.size or 0), str(metadata.get(_SHA256, "")), content_type)

    def _list(self, prefix: str) -> Iterable[ObjectInfo]:
        found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
        listed = (ObjectInfo(str(entry.object_name), int(entry.size or 0), "", "") for entry in found)
        return sorted(info for info in listed if info.key != _CHECK_KEY)


def _translate(error: Exception) -> StoreError:
    """The SDK's and the transport's errors as ours. What nobody has named is ``away``: worth another try."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, S3Error):
        code = error.code or ""
        named: tuple[tuple[bool, type[StoreError]], ...] = (
            (code in _MISSING, ObjectMissingError),
            (code == "PreconditionFailed", ObjectExistsError),
            (code == "InvalidRange", RangeError),
            (code in _FULL or error.response.status == HTTP_INSUFFICIENT_STORAGE, StoreFullError),
            (code in _BAD_KEY, BadKeyError),
        )
        return next((kind(code) for fits, kind in named if fits), StoreAwayError(code or "no error code"))
    if isinstance(error, ServerError | InvalidResponseError) and "507" in str(error):
        return StoreFullError("the store answers 507")
    return StoreAwayError(type(error).__name__)
