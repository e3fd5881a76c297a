"""The thread of one recording: reads the journal as it grows, makes the program, leaves segments in the spool.

Reading from the journal (not from memory) bounds what a slow encoder can pile up, and makes the way after a crash the
same as the live one: the journal is read again from the last checkpoint.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from recordings.catalogue import Catalogue, Checkpoint, Closed, StoredObject
from recordings.control import RecordingErrorCode
from recordings.journal import JournalReader
from recordings.program import Program
from recordings.room_clock import RoomClock
from recordings.segmenter import ClosedSegment, Position

JOURNAL = "journal.bin"
REPLAY_US = 8_000_000  # decoders, clocks and the longest keyframe distance settle within it
TICK_S = 0.2
LIVE_US = 3_000_000
HURRY_US = 6_000_000
WATCHED_US = 30_000_000
MAX_FAILURES = 200  # in a row
SPOOL_RETRY_S = 1.0
T = TypeVar("T")
_log = logging.getLogger(__name__)


class _Mark(NamedTuple):
    """A place in the journal from which one may begin."""

    arrival_us: int
    offset: int
    snapshot: dict[str, Any]


class PipelineEvents(NamedTuple):
    """Called in the pipeline's thread; must not block."""

    segment_closed: Callable[[], None]
    keyframe_wanted: Callable[[int], None]
    watch_changed: Callable[[tuple[str, ...]], None]
    failed: Callable[[RecordingErrorCode | None], None]
    closed: Callable[[], None]


class Pipeline:
    """Starts where the catalogue's last checkpoint says."""

    def __init__(self, folder: Path, catalogue: Catalogue, clock: RoomClock, events: PipelineEvents) -> None:
        if catalogue.origin_us is None:
            raise ValueError("a program needs its origin")
        self._folder = folder
        self._catalogue = catalogue
        self._clock = clock
        self._events = events
        self._wake = threading.Condition()
        self._woken = False
        self._halted = False
        self._failures = self.failed_steps = 0
        self._marks: deque[_Mark] = deque()
        self._program_us = 0
        self._watched: tuple[str, ...] | None = None
        checkpoint = catalogue.checkpoint
        position = checkpoint.position if checkpoint else Position()
        self.program = Program(catalogue.origin_us, self, position, catalogue.init_names)
        if checkpoint is not None:
            self.program.restore(checkpoint.snapshot, checkpoint.arrival_us)
        self._reader = JournalReader(folder / JOURNAL, checkpoint.journal if checkpoint else 0)
        self._thread = threading.Thread(target=self._run, name=f"pipeline-{catalogue.recording_id[:8]}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """The journal has grown, or the recording shall end (``catalogue.stop_at_us``)."""
        with self._wake:
            self._woken = True
            self._wake.notify()

    def watched(self) -> None:
        """Somebody follows the playlist: short segments for a while."""
        self.program.watched_until_us = self._clock.now_us() + WATCHED_US

    def halt(self, timeout_s: float) -> None:
        """Stops without an end: the recording stays resumable."""
        self._halted = True
        self.wake()
        self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._halted and not self._step():
                with self._wake:
                    self._wake.wait_for(lambda: self._woken, TICK_S)
                    self._woken = False
        except Exception:
            _log.exception("recording %s: the pipeline ended", self._catalogue.recording_id)
            self._events.failed(RecordingErrorCode.INTERNAL)
        finally:
            self._reader.close()

    def _step(self) -> bool:
        """Takes what the journal has. True when the recording is closed."""
        # Read before the journal: what was there at the stop is then certainly read below.
        stop_at_us = None if self._clock.blocked else self._catalogue.stop_at_us
        start = self._reader.offset
        for batch in self._reader.read():
            if self._halted:
                return False
            if batch.frames:
                self._mark(batch.frames[0].arrival_us, start)
                for frame in batch.frames:
                    self._guarded(self.program.feed, frame)
                self._advance(batch.frames[-1].arrival_us)
            start = batch.end
        if stop_at_us is not None:
            self.program.finish(stop_at_us)
            if not self._halted:
                self._close()
            return True
        tick_us = self._clock.tick_us()
        if tick_us is not None:
            self._advance(tick_us)
        return False

    def _advance(self, now_us: int) -> None:
        self._program_us = max(now_us, self._program_us)
        self.program.hurried = self._clock.now_us() - self._program_us > HURRY_US
        self._guarded(self.program.advance, now_us)
        if self.program.watched != self._watched and self._is_live:
            self._watched = self.program.watched
            self._events.watch_changed(self._watched)

    def _guarded(self, step: Callable[[T], None], argument: T) -> None:
        """One track's nonsense must not end everybody's recording. What fails always still does."""
        try:
            step(argument)
            self._failures = 0
        except Exception:
            self._failures += 1
            self.failed_steps += 1
            if self._failures >= MAX_FAILURES:
                raise
            if self._failures == 1:
                _log.exception("recording %s: a step of the program failed", self._catalogue.recording_id)

    def _close(self) -> None:
        end_ticks = self._catalogue.checkpoint.ticks if self._catalogue.checkpoint else 0
        self._persist(lambda: self._catalogue.add(Closed(duration_ms=end_ticks // 90)))
        _log.info("recording %s: closed, %s", self._catalogue.recording_id, self.program.counters)
        self._events.closed()

    def _mark(self, arrival_us: int, offset: int) -> None:
        if not self._marks or arrival_us - self._marks[-1].arrival_us >= 1_000_000:
            self._marks.append(_Mark(arrival_us, offset, self.program.snapshot()))

    # --- what the program makes ---------------------------------------------------------------------------------------

    def keyframe_wanted(self, track: int) -> None:
        if self._is_live:
            self._events.keyframe_wanted(track)

    @property
    def _is_live(self) -> bool:
        return self._clock.now_us() - self._program_us < LIVE_US

    def segment_closed(self, segment: ClosedSegment) -> None:
        start_ms = segment.start_ticks // 90
        end_ms = segment.next.ticks // 90
        if segment.init is not None:
            self._spool(segment.init_name, segment.init, start_ms=start_ms, duration_ms=0)
        self._spool(
            f"{segment.number:06d}.m4s",
            segment.data,
            start_ms=start_ms,
            duration_ms=end_ms - start_ms,
            duration_ticks=segment.duration_ticks,
            init_name=segment.init_name,
            checkpoint=self._checkpoint(segment.next),
        )
        self._events.segment_closed()

    def _checkpoint(self, position: Position) -> Checkpoint:
        boundary_us = (self._catalogue.origin_us or 0) + position.ticks * 100 // 9
        while len(self._marks) > 1 and self._marks[1].arrival_us <= boundary_us - REPLAY_US:
            self._marks.popleft()
        mark = self._marks[0] if self._marks else _Mark(boundary_us, self._reader.offset, self.program.snapshot())
        return Checkpoint(
            segment=position.segment,
            ticks=position.ticks,
            samples=position.samples,
            journal=mark.offset,
            arrival_us=mark.arrival_us,
            snapshot=mark.snapshot,
        )

    def _spool(self, name: str, data: bytes, **facts: Any) -> None:
        stored = StoredObject(
            index=len(self._catalogue.objects),
            name=name,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            **facts,
        )
        self._persist(lambda: write_durably(self._folder / name, data))
        self._persist(lambda: self._catalogue.add(stored))

    def _persist(self, write: Callable[[], None]) -> None:
        """Tries until the spool takes it: a full disk must not cost what is already made."""
        failed = False
        while not self._halted:
            try:
                write()
            except OSError as error:
                if not failed:
                    _log.warning("recording %s: spool: %s", self._catalogue.recording_id, error)
                    self._events.failed(RecordingErrorCode.SPOOL_FULL)
                failed = True
                with self._wake:
                    self._wake.wait_for(lambda: self._halted, SPOOL_RETRY_S)
            else:
                break
        if failed and not self._halted:
            self._events.failed(None)


def write_durably(path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename. What a full disk did not take whole leaves its room to the journal."""
    tmp = path.with_suffix(path.suffix + ".tmp")
    try:
        with tmp.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        tmp.replace(path)
    except OSError:
        tmp.unlink(missing_ok=True)
        raise
