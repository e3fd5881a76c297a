"""What a recorder must remember of one recording: an append-only file of JSON lines in its spool folder.

The state is what the lines add up to (``Catalogue``). A torn last line is ignored; every line of ``add`` is on
disk before the step that it tells of counts.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from recordings.control import Gap
from recordings.manifest import ManifestObject
from recordings.segmenter import Position

FILE = "catalogue.jsonl"


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Opened(Line):
    kind: Literal["opened"] = "opened"
    recording_id: str
    room_id: str
    tap: str


class Attached(Line):
    """The room lives behind another tap now."""

    kind: Literal["attached"] = "attached"
    tap: str


class Origin(Line):
    kind: Literal["origin"] = "origin"
    origin_us: int


class Checkpoint(Line):
    """Where the segment after begins, and from where the journal must be read again to make it."""

    segment: int
    ticks: int
    samples: int
    journal: int
    arrival_us: int
    snapshot: dict[str, Any]

    @property
    def position(self) -> Position:
        return Position(self.segment, self.ticks, self.samples)


class StoredObject(ManifestObject):
    """One object for the store. ``index`` counts all objects of the recording."""

    kind: Literal["object"] = "object"
    index: int
    checkpoint: Checkpoint | None = None

    def manifest_object(self) -> ManifestObject:
        return ManifestObject(**self.model_dump(include=set(ManifestObject.model_fields)))


class Stored(Line):
    kind: Literal["stored"] = "stored"
    index: int


class Reported(Line):
    """The server has acknowledged the object."""

    kind: Literal["reported"] = "reported"
    index: int


class GapFound(Line):
    kind: Literal["gap"] = "gap"
    gap: Gap


class PauseChanged(Line):
    """``at_us`` is room time."""

    kind: Literal["pause"] = "pause"
    paused: bool
    at_us: int


class StopAsked(Line):
    kind: Literal["stop"] = "stop"
    at_us: int


class Closed(Line):
    """The last segment is closed; what is left to do is to store."""

    kind: Literal["closed"] = "closed"
    duration_ms: int


AnyLine = Annotated[
    Opened | Attached | Origin | StoredObject | Stored | Reported | GapFound | PauseChanged | StopAsked | Closed,
    Field(discriminator="kind"),
]
_LINE: TypeAdapter[AnyLine] = TypeAdapter(AnyLine)


def _encoded(line: AnyLine) -> bytes:
    return line.model_dump_json().encode() + b"\n"


class Catalogue:
    """The sum of all lines. Any thread may call it."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self.recording_id = self.room_id = self.tap = ""
        self.origin_us: int | None = None
        self.objects: list[StoredObject] = []
        self.stored: set[int] = set()
        self.reported: set[int] = set()
        self.gaps: list[Gap] = []
        self.checkpoint: Checkpoint | None = None
        self.paused_at_us: int | None = None
        self.stop_at_us: int | None = None
        self.duration_ms: int | None = None
        self._waiting = b""
        self._end = self._load(path) if path.exists() else 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._descriptor, self._end)

    def add(self, line: AnyLine) -> None:
        """OSError: the disk did not take the line, and nothing has changed."""
        with self._lock:
            self._write(_encoded(line), durable=True)
            self._apply(line)

    def note(self, line: AnyLine) -> None:
        """For what is so anyway: a line that a full disk does not take is written as soon as there is room."""
        with self._lock:
            self._apply(line)
            self._waiting += _encoded(line)
            self._write_waiting(durable=not isinstance(line, Reported))

    def catch_up(self) -> None:
        """Writes what still waits for room."""
        with self._lock:
            if self._waiting:
                self._write_waiting(durable=True)

    def close(self) -> None:
        self.catch_up()
        os.close(self._descriptor)

    def _write_waiting(self, durable: bool) -> None:
        with suppress(OSError):
            self._write(b"", durable)

    def _write(self, data: bytes, durable: bool) -> None:
        """What waits and then ``data``, or nothing at all: a torn line would hide all that come after it."""
        data = self._waiting + data
        try:
            written = os.pwrite(self._descriptor, data, self._end)
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self._end + written)
            if durable:
                os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(data)
        self._waiting = b""

    @property
    def origin_ms(self) -> int:
        return (self.origin_us or 0) // 1000

    @property
    def init_names(self) -> dict[str, str]:
        """Names of the init segments by their SHA-256."""
        return {each.sha256: each.name for each in self.objects if not each.duration_ticks}

    @property
    def segments(self) -> list[StoredObject]:
        return [each for each in self.objects if each.duration_ticks]

    def _load(self, path: Path) -> int:
        """Length of the part that could be read."""
        whole = 0
        for raw in path.read_bytes().splitlines(keepends=True):
            if not raw.endswith(b"\n"):
                break
            try:
                self._apply(_LINE.validate_json(raw))
            except ValidationError:
                break
            whole += len(raw)
        return whole

    def _apply(self, line: AnyLine) -> None:
        match line:
            case Opened():
                self.recording_id, self.room_id, self.tap = line.recording_id, line.room_id, line.tap
            case Attached():
                self.tap = line.tap
            case Origin():
                self.origin_us = line.origin_us
            case StoredObject():
                self.objects.append(line)
                self.checkpoint = line.checkpoint or self.checkpoint
            case Stored():
                self.stored.add(line.index)
            case Reported():
                self.reported.add(line.index)
            case GapFound():
                self.gaps.append(line.gap)
            case PauseChanged():
                self.paused_at_us = line.at_us if line.paused else None
            case StopAsked():
                self.stop_at_us = line.at_us
            case Closed():
                self.duration_ms = line.duration_ms
