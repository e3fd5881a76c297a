"""What is told of a recording: its state, the gravest of its troubles, whether anything comes. Knows no disk."""

from __future__ import annotations

import time
from collections.abc import Callable

from recordings.catalogue import Catalogue
from recordings.control import RecordingChanged, RecordingErrorCode, RecordingState

STALLED_AFTER_S = 10.0
_GRAVEST_FIRST = (
    RecordingErrorCode.INTERNAL,
    RecordingErrorCode.SPOOL_FULL,
    RecordingErrorCode.TAP_UNREACHABLE,
    RecordingErrorCode.STORE_FULL,
    RecordingErrorCode.STORE_AWAY,
)


class Status:
    """``report`` is called with every change, not with every look."""

    def __init__(
        self,
        catalogue: Catalogue,
        report: Callable[[RecordingChanged], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = RecordingState.STARTING
        self._catalogue = catalogue
        self._report = report
        self._monotonic = monotonic
        self._stalled = False
        self._troubles: dict[str, RecordingErrorCode] = {}
        self._told: RecordingChanged | None = None
        self._progress_s = monotonic()
        self._silent_since_s: float | None = self._progress_s

    def change(self, state: RecordingState) -> None:
        self.state = state
        self.tell()

    def trouble(self, part: str, code: RecordingErrorCode | None) -> None:
        """Each part has one trouble at most; None: it is over."""
        if code is None:
            self._troubles.pop(part, None)
        else:
            self._troubles[part] = code
        self.tell()

    def progressed(self) -> None:
        """A segment was closed, or the making of them begins."""
        self._progress_s = self._monotonic()

    def look(self, connected: bool, begun: bool) -> None:
        """To be called now and then: notices when nothing comes although it should."""
        now_s = self._monotonic()
        self._silent_since_s = None if connected else (self._silent_since_s or now_s)
        running = self.state in (RecordingState.STARTING, RecordingState.RECORDING)
        unreachable = self._silent_since_s is not None and now_s - self._silent_since_s >= STALLED_AFTER_S
        self._stalled = running and (unreachable or now_s - self._progress_s >= STALLED_AFTER_S)
        if self.state == RecordingState.STARTING and connected and begun:
            self.state = RecordingState.RECORDING
        self.trouble("tap", RecordingErrorCode.TAP_UNREACHABLE if running and unreachable else None)

    def tell(self, again: bool = False) -> None:
        changed = self._changed()
        # The duration grows all the time and is in the segments; it alone is no news.
        same = (
            self._told is not None and changed.model_copy(update={"duration_ms": self._told.duration_ms}) == self._told
        )
        if again or not same:
            self._told = changed
            self._report(changed)

    def end(self, state: RecordingState) -> RecordingChanged:
        """The last word."""
        self.state, self._stalled = state, False
        return self._changed()

    def _changed(self) -> RecordingChanged:
        catalogue = self._catalogue
        segments = catalogue.segments
        duration_ms = catalogue.duration_ms
        if duration_ms is None:
            duration_ms = segments[-1].start_ms + segments[-1].duration_ms if segments else 0
        return RecordingChanged(
            recording_id=catalogue.recording_id,
            state=RecordingState.STALLED if self._stalled else self.state,
            origin_ms=catalogue.origin_us // 1000 if catalogue.origin_us is not None else None,
            duration_ms=duration_ms,
            code=min(self._troubles.values(), key=_GRAVEST_FIRST.index, default=None),
            gaps=tuple(catalogue.gaps),
        )
