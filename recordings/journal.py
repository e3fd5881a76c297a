"""The append-only journal of one recording: tap frames as they came, in checked batches.

A record is ``!II`` (length, CRC-32) and whole tap frames. Written before anything else happens with the frames, so
that every later stage can be repeated. A record that a crash tore off is cut away when the journal is opened again.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from media.tap import RTP, SR, TapFrame, decode_frame

_RECORD = struct.Struct("!II")
MAX_RECORD = 16 * 1024 * 1024
SYNC_EVERY_S = 2.0


class Batch(NamedTuple):
    """The frames of one record and the offset behind it."""

    frames: list[TapFrame]
    end: int


class JournalWriter:
    """One ``write`` per batch; ``fdatasync`` every two seconds. Blocking: call it off the event loop."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.end = os.lseek(self._descriptor, 0, os.SEEK_END)
        self._synced_s = monotonic()

    def append(self, frames: bytes) -> int:
        """Writes whole frames as one record and returns the journal's new end. OSError leaves the end where it was."""
        record = _RECORD.pack(len(frames), crc32(frames)) + frames
        try:
            written = os.pwrite(self._descriptor, record, self.end)
            if written != len(record):
                os.pwrite(self._descriptor, record[written:], self.end + written)
        except OSError:
            os.ftruncate(self._descriptor, self.end)
            raise
        self.end += len(record)
        if self._monotonic() - self._synced_s >= SYNC_EVERY_S:
            self.sync()
        return self.end

    def sync(self) -> None:
        os.fdatasync(self._descriptor)
        self._synced_s = self._monotonic()

    def close(self) -> None:
        self.sync()
        os.close(self._descriptor)


class JournalReader:
    """Reads whole records from an offset on; what is not complete yet is not given."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._file = path.open("rb", buffering=0)
        self.offset = offset

    def read(self) -> Iterator[Batch]:
        while (payload := self._payload()) is not None:
            self.offset += _RECORD.size + len(payload)
            yield Batch(list(split_frames(payload)), self.offset)

    def close(self) -> None:
        self._file.close()

    def _payload(self) -> bytes | None:
        self._file.seek(self.offset)
        head = self._file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            return None
        length, checksum = _RECORD.unpack(head)
        if not 0 < length <= MAX_RECORD:
            return None
        payload = self._file.read(length)
        return payload if len(payload) == length and crc32(payload) == checksum else None


def split_frames(payload: bytes) -> Iterator[TapFrame]:
    offset = 0
    while offset < len(payload):
        frame, offset = decode_frame(payload, offset)
        if frame is None:
            raise ValueError("a journal record ends within a frame")
        yield frame


class JournalTail(NamedTuple):
    """Where a recorder stopped: the sequence of the last media frame (None: there is none) and the last arrival."""

    sequence: int | None
    arrival_us: int


def repair(path: Path, offset: int = 0) -> JournalTail:
    """Cuts a torn tail off, looking from ``offset`` (the begin of a record) on, and tells where the journal ends."""
    sequence, arrival_us = None, 0
    if not path.exists():
        return JournalTail(None, 0)
    reader = JournalReader(path, offset)
    try:
        for batch in reader.read():
            for frame in batch.frames:
                arrival_us = max(arrival_us, frame.arrival_us)
                sequence = frame.sequence if frame.type in (RTP, SR) else sequence
    finally:
        reader.close()
    if path.stat().st_size > reader.offset:
        os.truncate(path, reader.offset)
    return JournalTail(sequence, arrival_us)
