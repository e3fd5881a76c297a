"""The recording of a room: begun, paused and ended by the meeting, reported on by the recorder. Knows no recorder."""

from __future__ import annotations

from dataclasses import dataclass, field

from recordings.control import RecordingChanged, RecordingSegment, RecordingState
from server.errors import AppError
from server.ids import new_id
from server.meeting_log.types import LoggedEvent
from server.protocol.codes import ErrorCode
from server.protocol.events import RecordingStateChanged
from server.protocol.models import MeetingState, RecordingInfo
from server.rooms import persistence
from server.rooms.desk import Desk
from server.rooms.participant import Participant
from server.rooms.persistence import SegmentRow
from server.rooms.ports import RecordBook, RecordingPlane, WriteBehind
from server.rooms.room import Room
from server.storage.engine import Database

# A recording that failed is followed by a new one, at first soon: the recorder's disk, say, may have been replaced.
AGAIN_FIRST_MS = 10_000
AGAIN_MAX_MS = 300_000
FINAL = (RecordingState.FINISHED, RecordingState.FAILED)
_PAUSABLE = (RecordingState.STARTING, RecordingState.RECORDING, RecordingState.STALLED)


@dataclass(slots=True)
class Track:
    """A recording that is not over: what is known besides what everybody sees. ``keys``: segments in the log."""

    room: Room
    created_ms: int
    keys: set[str] = field(default_factory=set)


class RecordingDesk:
    """One recording per room and run; it outlives its meeting until the last segment is stored."""

    def __init__(
        self, desk: Desk, db: Database, plane: RecordingPlane, book: RecordBook, deferred: WriteBehind
    ) -> None:
        self._desk = desk
        self._db = db
        self._plane = plane
        self._book = book
        self._deferred = deferred
        self._tracks: dict[str, Track] = {}
        self._failures: dict[str, int] = {}  # by meeting

    def is_running(self, room: Room) -> bool:
        return room.recording.recording_id in self._tracks

    async def begin(self, room: Room) -> None:
        """The lock is held."""
        recording_id = new_id()
        await self._desk.record(room, "recording_started", {"recording_id": recording_id})
        self._tracks[recording_id] = Track(room, self._desk.clock.now_ms())
        self._save(recording_id, RecordingState.STARTING.value)
        self._plane.start(recording_id, room.meeting_id)
        self._plane.set_stage(recording_id, room.stage.pinned)

    async def begin_again(self, room: Room) -> None:
        """Every second while the room is open: a lesson whose recording failed is recorded anew, unless the host had
        paused it. Raises AppError(LOG_UNAVAILABLE)."""
        async with room.lock:
            failed = room.state is MeetingState.LIVE and room.recording.state == RecordingState.FAILED
            if failed and not room.recording_paused and self._desk.clock.now_ms() >= self._again_ms(room):
                await self.begin(room)

    def _again_ms(self, room: Room) -> int:
        failures = self._failures.get(room.meeting_id, 1)
        return (room.recording.since_ms or 0) + min(AGAIN_FIRST_MS << min(failures - 1, 10), AGAIN_MAX_MS)

    async def pause(self, room: Room, who: Participant) -> None:
        async with room.lock:
            if room.recording.state == RecordingState.PAUSED:
                return
            recording_id = self._running(room, _PAUSABLE)
            payload = {"recording_id": recording_id, "by": who.member_id}
            await self._desk.record(room, "recording_paused", payload, actor=who.member_id)
            self._plane.pause(recording_id)

    async def resume(self, room: Room, who: Participant) -> None:
        async with room.lock:
            if room.recording.state in _PAUSABLE:
                return
            if room.state is MeetingState.LIVE and room.recording.state == RecordingState.FAILED:
                await self.begin(room)
                return
            recording_id = self._running(room, (RecordingState.PAUSED,))
            payload = {"recording_id": recording_id, "by": who.member_id}
            await self._desk.record(room, "recording_resumed", payload, actor=who.member_id)
            self._plane.resume(recording_id)

    def _running(self, room: Room, states: tuple[RecordingState, ...]) -> str:
        recording = room.recording
        if recording.recording_id is None or room.state is not MeetingState.LIVE or recording.state not in states:
            raise AppError(ErrorCode.MEETING_STATE, f"the recording is {recording.state}")
        return recording.recording_id

    def set_stage(self, room: Room) -> None:
        """After ``stage.pin``."""
        if room.recording.recording_id and self.is_running(room):
            self._plane.set_stage(room.recording.recording_id, room.stage.pinned)

    def end(self, room: Room) -> None:
        self._failures.pop(room.meeting_id, None)
        if room.recording.recording_id and self.is_running(room):
            self._plane.stop(room.recording.recording_id)

    def recover(self, room: Room, events: list[LoggedEvent], payloads: list[dict[str, object]]) -> None:
        """After a restart: what the log says is made known again, to the database and to the recorders."""
        for event, payload in zip(events, payloads, strict=True):
            if not event.type.startswith("recording_"):
                continue
            recording_id = str(payload["recording_id"])
            track = self._tracks.setdefault(recording_id, Track(room, event.at_ms))
            match event.type:
                case "recording_started":
                    self._save(recording_id, RecordingState.STARTING.value)
                case "recording_segment":
                    track.keys.add(str(payload["key"]))
                    self._save_segment(RecordingSegment.model_validate({"bytes": 0, **payload}))
                case "recording_finished" | "recording_failed":
                    self._recover_end(event.type, payload)
        self._follow(room)

    def _recover_end(self, type_: str, payload: dict[str, object]) -> None:
        state = RecordingState.FINISHED if type_ == "recording_finished" else RecordingState.FAILED
        facts = {"origin_ms": None, "duration_ms": 0, "gaps": (), "code": None, **payload, "state": state}
        self._finish(RecordingChanged.model_validate(facts))

    def _follow(self, room: Room) -> None:
        recording_id = room.recording.recording_id
        if recording_id is None or not self.is_running(room):
            return
        self._plane.start(recording_id, room.meeting_id)
        self._plane.set_stage(recording_id, room.stage.pinned)
        if room.recording.state == RecordingState.PAUSED:
            self._plane.pause(recording_id)
        if room.is_over:
            self._plane.stop(recording_id)

    # --- what the recorder says ---

    async def handle_changed(self, change: RecordingChanged) -> None:
        """Raises AppError(LOG_UNAVAILABLE): then the recorder tells it again."""
        track = self._tracks.get(change.recording_id)
        if track is None:
            return
        async with track.room.lock:
            if change.recording_id not in self._tracks:
                return
            if change.state in FINAL:
                await self._record_end(track, change)
                self._finish(change)
            else:
                self._show(track.room, change)
                self._save_change(change)

    async def _record_end(self, track: Track, change: RecordingChanged) -> None:
        if change.state is RecordingState.FAILED:
            code = change.code.value if change.code else "internal_error"
            self._failures[track.room.meeting_id] = self._failures.get(track.room.meeting_id, 0) + 1
            payload: dict[str, object] = {"recording_id": change.recording_id, "code": code}
            await self._desk.record(track.room, "recording_failed", payload)
            return
        payload = {
            "recording_id": change.recording_id,
            "duration_ms": change.duration_ms,
            "gaps": [gap.model_dump() for gap in change.gaps],
            "origin_ms": change.origin_ms,
        }
        await self._desk.record(track.room, "recording_finished", payload)

    def _finish(self, change: RecordingChanged) -> None:
        """Whatever is said of it later is ignored."""
        self._save_change(change)
        self._tracks.pop(change.recording_id)
        if change.state is RecordingState.FINISHED:
            recording_id = change.recording_id
            self._deferred.put("recording_finished", lambda: self._book.recording_finished(recording_id))

    def _show(self, room: Room, change: RecordingChanged) -> None:
        """The recorder's word stands: when it does not record, nobody is told that it does."""
        old = room.recording
        code = change.code.value if change.code else None
        if old.recording_id != change.recording_id or (old.state, old.code) == (change.state.value, code):
            return
        since_ms = old.since_ms if old.state == change.state.value else self._desk.clock.now_ms()
        room.recording = RecordingInfo(
            recording_id=change.recording_id, state=change.state.value, since_ms=since_ms, code=code
        )
        self._desk.show(room, RecordingStateChanged, recording=room.recording)

    def handle_recorder_away(self, recording_id: str) -> None:
        """No recorder is there: everybody sees that nothing is recorded."""
        track = self._tracks.get(recording_id)
        if track is None or track.room.recording.recording_id != recording_id:
            return
        if track.room.recording.state == RecordingState.PAUSED:  # nothing is recorded, as wished
            return
        code = ErrorCode.RECORDER_UNAVAILABLE.value
        track.room.recording = track.room.recording.model_copy(
            update={"state": RecordingState.STALLED.value, "code": code}
        )
        self._desk.show(track.room, RecordingStateChanged, recording=track.room.recording)

    async def handle_segment(self, segment: RecordingSegment) -> None:
        """Known ones change nothing. Raises AppError(LOG_UNAVAILABLE): then the recorder tells it again."""
        track = self._tracks.get(segment.recording_id)
        if track is None or segment.key in track.keys:
            return
        async with track.room.lock:
            if segment.key in track.keys or segment.recording_id not in self._tracks:
                return
            await self._desk.record(track.room, "recording_segment", segment.model_dump())
            track.keys.add(segment.key)
            self._save_segment(segment)

    # --- rows ---

    def _save(self, recording_id: str, state: str) -> None:
        self._save_change(RecordingChanged(recording_id=recording_id, state=RecordingState(state)))

    def _save_change(self, change: RecordingChanged) -> None:
        track = self._tracks[change.recording_id]
        self._deferred.put(
            "save_recording",
            lambda: persistence.save_recording(
                self._db,
                change.recording_id,
                track.room.meeting_id,
                track.created_ms,
                state=change.state.value,
                code=change.code.value if change.code else None,
                origin_ms=change.origin_ms,
                duration_ms=change.duration_ms,
                gaps=[gap.model_dump() for gap in change.gaps],
            ),
        )

    def _save_segment(self, segment: RecordingSegment) -> None:
        row = SegmentRow(**segment.model_dump())
        self._deferred.put("save_segment", lambda: persistence.save_segment(self._db, row))
