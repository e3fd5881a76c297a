"""The control channel between the server and a recorder (Socket.IO namespace ``/recordings``).

Same conventions as ``media.control``: acknowledged calls server → recorder, events recorder → server.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

NAMESPACE = "/recordings"


class ControlModel(BaseModel):
    """Base of every message of the control channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordingErrorCode(StrEnum):
    UNKNOWN_RECORDING = "unknown_recording"
    TAP_UNREACHABLE = "tap_unreachable"
    STORE_AWAY = "store_away"  # segments are spooled; retried until they are stored
    STORE_FULL = "store_full"
    SPOOL_FULL = "spool_full"
    INTERNAL = "internal_error"


class RecordingState(StrEnum):
    """``stalled``: no segment for 10 s although media should flow. ``finished`` is final, as is ``failed``."""

    STARTING = "starting"
    RECORDING = "recording"
    PAUSED = "paused"
    STALLED = "stalled"
    FINISHING = "finishing"
    FINISHED = "finished"
    FAILED = "failed"


# --- calls: server → recorder -----------------------------------------------------------------------------------------


class RecordingStart(ControlModel):
    """Idempotent: for a recording that runs (or was interrupted by a crash) it re-attaches to the tap."""

    NAME: ClassVar[str] = "recording.start"
    recording_id: str
    room_id: str
    tap: str


class RecordingPause(ControlModel):
    """A real pause: nothing is journalled until ``recording.resume``; the gap is declared in the manifest."""

    NAME: ClassVar[str] = "recording.pause"
    recording_id: str


class RecordingResume(ControlModel):
    NAME: ClassVar[str] = "recording.resume"
    recording_id: str


class RecordingStage(ControlModel):
    """The pinned lecturer's camera publication, or None: the program follows screen > pinned > active speaker."""

    NAME: ClassVar[str] = "recording.stage"
    recording_id: str
    publication_id: str | None


class RecordingStop(ControlModel):
    """Acknowledged at once; ``recording.changed`` with ``finished`` follows when the last segment is stored."""

    NAME: ClassVar[str] = "recording.stop"
    recording_id: str


class RecordingWatched(ControlModel):
    """Somebody watches it now, by its playlist: for the next 30 s segments are as short as they may be. Best effort."""

    NAME: ClassVar[str] = "recording.watched"
    recording_id: str


class RecordingStill(ControlModel):
    """Answer: ``StillTaken``. ``known``: the tag of the picture that the server has already."""

    NAME: ClassVar[str] = "recording.still"
    recording_id: str
    known: str | None = None


class StillTaken(ControlModel):
    """The newest keyframe of the program. No ``etag``: there is none (a pause, nobody sends a picture). No ``jpeg``
    beside it: it is the known one. The bytes travel as a binary attachment."""

    etag: str | None = None
    jpeg: bytes | None = None


# --- events: recorder → server ----------------------------------------------------------------------------------------


class RecorderHello(ControlModel):
    """First event after each connect: recordings that the recorder still has open."""

    NAME: ClassVar[str] = "recorder.hello"
    recorder_id: str
    version: str
    recording_ids: tuple[str, ...] = ()


class Gap(ControlModel):
    """A stretch of the timeline without program: pause, crash or loss. Milliseconds from the recording's origin."""

    start_ms: int
    end_ms: int
    reason: str = Field(pattern="^(pause|crash|loss)$")


class RecordingChanged(ControlModel):
    """State of a recording. ``origin_ms`` is the UTC time of second 0, known from the first media on."""

    NAME: ClassVar[str] = "recording.changed"
    recording_id: str
    state: RecordingState
    origin_ms: int | None = None
    duration_ms: int = 0
    code: RecordingErrorCode | None = None
    gaps: tuple[Gap, ...] = ()


class RecordingSegment(ControlModel):
    """One object of the recording is stored and read back. ``index`` counts from 0; inits have ``duration_ms`` 0."""

    NAME: ClassVar[str] = "recording.segment"
    recording_id: str
    index: int
    key: str
    sha256: str
    bytes: int
    start_ms: int
    duration_ms: int


class RecorderStats(ControlModel):
    """Every 5 s: counters since the start of the process."""

    NAME: ClassVar[str] = "recorder.stats"
    recorder_id: str
    counters: dict[str, int]
