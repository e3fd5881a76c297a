"""An append-only file of records that are on disk when ``append`` returns. Knows nothing of meetings.

One record is one line: eight hex digits of CRC-32, a space, the record's bytes. Appends that arrive while another is
being written share the next write and the next fdatasync (group commit), which run in a thread of their own.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CRC_CHARACTERS = 8


class JournalError(Exception):
    """The record is not on disk."""


class JournalBusyError(Exception):
    """Another process has this journal open."""


class Journal:
    """``on_durable(records)`` and ``on_failed()`` run in the event loop before the waiting appends go on."""

    def __init__(
        self, path: Path, on_durable: Callable[[Sequence[bytes]], None], on_failed: Callable[[], None]
    ) -> None:
        self.path = path
        self._on_durable = on_durable
        self._on_failed = on_failed
        self._fd = -1
        self._good_bytes = 0
        self._torn = False
        self._queue: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    @property
    def size_bytes(self) -> int:
        """Bytes that are known to be on disk."""
        return self._good_bytes

    def open(self) -> list[bytes]:
        """Locks the file, cuts a torn tail and returns the records. Raises JournalBusyError, OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            self._fd = -1
            raise JournalBusyError(f"{self.path} is in use by another process") from error
        data = self.path.read_bytes()
        records, good = parse(data)
        if good < len(data):
            self._cut(data, good)
        self._good_bytes = good
        _sync_folder(self.path.parent)
        return records

    def _cut(self, data: bytes, good: int) -> None:
        """A tail with whole records in it is no torn write but damage: a copy is kept for the people who look."""
        if parse_anywhere(data[good:]):
            self.path.with_suffix(f".damaged-{zlib.crc32(data):08x}").write_bytes(data)
        os.ftruncate(self._fd, good)
        os.fdatasync(self._fd)

    async def append(self, record: bytes) -> None:
        """Raises JournalError when it could not be put on disk; then it is not in the file."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((record, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await asyncio.shield(future)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while batch := self._queue:
                self._queue = []
                records = [record for record, _ in batch]
                try:
                    await loop.run_in_executor(self._thread, self._write, records)
                except OSError as error:
                    self._fail([*batch, *self._queue], error)
                else:
                    self._on_durable(records)
                    _resolve(batch)
        finally:
            self._writing = None

    def _fail(self, batch: list[tuple[bytes, asyncio.Future[None]]], error: OSError) -> None:
        """What was queued behind the failed write may build on it, so it fails as well."""
        self._queue = []
        self._on_failed()
        for _, future in batch:
            if not future.done():
                future.set_exception(JournalError(str(error)))
                future.exception()  # its waiter may be gone

    def _write(self, records: Sequence[bytes]) -> None:
        """In the thread. After an error the file is cut back to what is known to be good, now or next time."""
        data = b"".join(frame(record) for record in records)
        if self._torn:
            os.ftruncate(self._fd, self._good_bytes)
            self._torn = False
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            os.fdatasync(self._fd)
        except OSError:
            self._torn = True
            os.ftruncate(self._fd, self._good_bytes)
            self._torn = False
            raise
        self._good_bytes += len(data)

    def clear(self, still_wanted: Callable[[], bool]) -> bool:
        """Empties the file unless something is being written or ``still_wanted()``. True when it was emptied."""
        if self._writing is not None or self._queue or still_wanted():
            return False
        os.ftruncate(self._fd, 0)
        self._good_bytes = 0
        return True

    async def close(self) -> None:
        """Waits for what is being written. Idempotent."""
        while self._writing is not None:
            await asyncio.wait([self._writing])
            await asyncio.sleep(0)
        self._thread.shutdown()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def frame(record: bytes) -> bytes:
    """One line of the file. The record must not contain a line feed."""
    return b"%08x %b\n" % (zlib.crc32(record), record)


def parse(data: bytes) -> tuple[list[bytes], int]:
    """The whole records from the start, and how many bytes they take."""
    records: list[bytes] = []
    good = 0
    for line in data.split(b"\n")[:-1]:
        record = _unframe(line)
        if record is None:
            break
        records.append(record)
        good += len(line) + 1
    return records, good


def parse_anywhere(data: bytes) -> list[bytes]:
    """Every whole record, damage between them or not."""
    return [record for line in data.split(b"\n")[:-1] if (record := _unframe(line)) is not None]


def _unframe(line: bytes) -> bytes | None:
    record = line[_CRC_CHARACTERS + 1 :]
    return record if line[: _CRC_CHARACTERS + 1] == b"%08x " % zlib.crc32(record) else None


def _resolve(batch: list[tuple[bytes, asyncio.Future[None]]]) -> None:
    for _, future in batch:
        if not future.done():
            future.set_result(None)


def _sync_folder(folder: Path) -> None:
    """The file's name must survive a power cut as well as its bytes."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
