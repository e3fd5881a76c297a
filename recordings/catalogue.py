"""What a recorder must remember of one recording: an append-only file of JSON lines in its spool folder.

The state is what the lines add up to (``Catalogue``). A torn last line is ignored; every line is on disk before the
step that it tells of counts.
"""

from __future__ import annotations

import os
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


class Catalogue:
    """The sum of all lines. ``add`` may be called from several threads."""

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
        whole = self._load(path) if path.exists() else 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._descriptor, whole)
        os.lseek(self._descriptor, whole, os.SEEK_SET)

    def add(self, line: AnyLine) -> None:
        data = line.model_dump_json().encode() + b"\n"
        with self._lock:
            os.write(self._descriptor, data)
            if not isinstance(line, Reported):
                os.fdatasync(self._descriptor)
            self._apply(line)

    def close(self) -> None:
        os.close(self._descriptor)

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
