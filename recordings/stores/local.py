"""An object store in one folder of this machine: ``objects/`` holds the bytes, ``facts/`` what is known of them.

Durable: temporary file, fsync, rename, fsync of the folder. Knows nothing of recordings or HTTP.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import uuid4

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

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DEFAULT_TYPE = "application/octet-stream"


class LocalStore:
    """The store of a single machine. Blocking file work runs in its own small pool of threads."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._facts = root / "facts"
        self._tmp = root / "tmp"
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="local-store")

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
        await self._run(self._delete, check_key(key))

    async def verify(self, key: str, sha256: str) -> bool:
        return await self._run(self._hash, check_key(key)) == sha256

    async def check(self) -> None:
        await self._run(self._check)

    async def close(self) -> None:
        self._pool.shutdown(wait=True)

    async def _run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        except StoreError:
            raise
        except OSError as error:
            raise _translate(error) from error

    # --- blocking half ------------------------------------------------------------------------------------------------

    def _put(self, key: str, body: bytes, content_type: str, if_absent: bool) -> ObjectInfo:
        path = self._objects / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise BadKeyError(f"{key} is a prefix of other keys")
        sha256 = hashlib.sha256(body).hexdigest()
        written = self._write_tmp(body)
        try:
            if if_absent:
                _link(written, path, key)
            self._write_facts(key, sha256, content_type, written.stat())
            if not if_absent:
                written.replace(path)
            _sync_folder(path.parent)
        finally:
            written.unlink(missing_ok=True)
        return ObjectInfo(key, len(body), sha256, content_type)

    def _write_tmp(self, body: bytes) -> Path:
        self._tmp.mkdir(parents=True, exist_ok=True)
        path = self._tmp / uuid4().hex
        try:
            with path.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def _write_facts(self, key: str, sha256: str, content_type: str, stat: os.stat_result) -> None:
        facts = {"sha256": sha256, "type": content_type, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        path = self._facts / key
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_tmp(json.dumps(facts).encode()).replace(path)

    def _get(self, key: str, start: int, end: int | None) -> bytes:
        with self._file(key).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if start and start >= size:
                raise RangeError(f"{key} ends at {size}")
            file.seek(start)
            return file.read() if end is None else file.read(max(end - start, 0))

    def _stat(self, key: str) -> ObjectInfo:
        stat = self._file(key).stat()
        facts: dict[str, object] = {}
        with suppress(OSError, ValueError):
            facts = json.loads((self._facts / key).read_text("utf-8"))
        content_type = str(facts.get("type", DEFAULT_TYPE))
        # A crash between the two renames leaves facts of another body: the time of writing tells.
        if (facts.get("size"), facts.get("mtime_ns")) == (stat.st_size, stat.st_mtime_ns):
            return ObjectInfo(key, stat.st_size, str(facts["sha256"]), content_type)
        return ObjectInfo(key, stat.st_size, self._hash(key), content_type)

    def _hash(self, key: str) -> str:
        with self._file(key).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _file(self, key: str) -> Path:
        path = self._objects / key
        if not path.is_file():
            raise ObjectMissingError(key)
        return path

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        folder = self._objects / prefix.rpartition("/")[0]
        found = (str(path.relative_to(self._objects)) for path in folder.rglob("*") if path.is_file())
        return iter([self._stat(key) for key in sorted(found) if key.startswith(prefix)])

    def _delete(self, key: str) -> None:
        path = self._objects / key
        if not path.is_file():
            return
        path.unlink(missing_ok=True)
        (self._facts / key).unlink(missing_ok=True)
        _sync_folder(path.parent)
        for folder in (path.parent, (self._facts / key).parent):
            _remove_empty(folder, (self._objects, self._facts))

    def _check(self) -> None:
        self._objects.mkdir(parents=True, exist_ok=True)
        self._write_tmp(b"check").unlink()


def _link(written: Path, path: Path, key: str) -> None:
    try:
        os.link(written, path)
    except FileExistsError:
        raise ObjectExistsError(key) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_empty(folder: Path, roots: tuple[Path, ...]) -> None:
    with suppress(OSError):
        while folder not in roots:
            folder.rmdir()
            folder = folder.parent


def _translate(error: OSError) -> StoreError:
    if error.errno in _FULL:
        return StoreFullError(os.strerror(error.errno or 0))
    if isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError):
        return BadKeyError("an object's key is a prefix of another's")
    return StoreAwayError(os.strerror(error.errno) if error.errno else str(error))
