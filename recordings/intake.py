"""From the tap into the journal: the first thing that happens to a frame, and the only one that must not fail.

Also finds gaps: what the tap's ring did not hold any more when the connection came back.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from media.tap import EVENT, RTP, SR, TapFrame, encode_frame
from recordings.control import RecordingErrorCode
from recordings.journal import JournalTail, JournalWriter
from recordings.room_clock import RoomClock
from recordings.tap_client import TapClient

BATCH_S = 0.1
_MAX_PENDING_BYTES = 8 * 1024 * 1024
_RETRY_S = 0.5
_FLUSH_PATIENCE_S = 1.0
_RING_DELIVERED_S = 1.0
_log = logging.getLogger(__name__)


class IntakeEvents(NamedTuple):
    """Called on the event loop."""

    began: Callable[[int], None]  # room time of the first frame of all
    journalled: Callable[[], None]
    gap_found: Callable[[int, int, str], None]
    failed: Callable[[RecordingErrorCode | None], None]


class Intake:
    """``tail`` is where a former process stopped; None for a new recording."""

    def __init__(
        self, journal: Path, token: str, room_id: str, clock: RoomClock, tail: JournalTail | None, events: IntakeEvents
    ) -> None:
        self._token = token
        self._room_id = room_id
        self._clock = clock
        self._events = events
        self._began = tail is not None
        self._reason = "loss" if tail is None else "crash"
        self._arrival_us = tail.arrival_us if tail else 0
        # Sequence of the last media frame. 0: none of this tap, all that its ring holds is wanted. None: from now on.
        self._sequence = (tail.sequence or 0) if tail else None
        self._address: str | None = None
        self._known_us = 0  # what arrived before this was recorded from the former worker of the room
        # Since when frames may be missing, and when the tap said so.
        self._missing: tuple[int, int] | None = None
        self._pictures: list[int] = []
        self._watched: tuple[str, ...] | None = None
        self._journal = JournalWriter(journal)
        self._pending = bytearray()
        self._idle = asyncio.Event()
        self._idle.set()
        self._wake = asyncio.Event()
        self._tap: TapClient | None = None
        self.connected = False
        self._flusher = asyncio.create_task(self._flush_forever(), name=f"journal {room_id}")

    @property
    def address(self) -> str | None:
        return self._tap.address if self._tap else None

    async def attach(self, address: str) -> None:
        await self.detach()
        if self._address not in (None, address) and self._sequence is not None:
            self._sequence = 0  # another worker counts for itself, and may have carried the room all the time
            self._known_us = self._arrival_us
        self._address = address
        self._clock.lost()
        self._tap = TapClient(address, self._token, self._room_id, self._after, self._take, self._connection_changed)
        if self._watched is not None:
            self._tap.watch(self._watched)

    async def detach(self, for_good: bool = False) -> None:
        """No frame comes in afterwards; those that came are in the journal. ``for_good``: what was not read is lost."""
        if self._tap is not None:
            if for_good and self._overfull:
                self._missing = (self._arrival_us, self._clock.now_us())
            tap, self._tap = self._tap, None
            await tap.close()
        self._declare_missing()
        with suppress(TimeoutError):  # a full disk must not keep a recording from ending
            await asyncio.wait_for(self._idle.wait(), _FLUSH_PATIENCE_S)

    async def close(self) -> None:
        await self.detach()
        self._flusher.cancel()
        with suppress(asyncio.CancelledError):
            await self._flusher
        await asyncio.to_thread(self._journal.close)

    def begin(self) -> None:
        """Without a frame: what comes first is a pause."""
        if not self._began:
            self._began = True
            self._events.began(self._clock.now_us())

    def forget_position(self) -> None:
        """After a pause: the tap begins with now, and nothing counts as missing."""
        self._sequence, self._arrival_us = None, 0

    def note(self, event: dict[str, Any]) -> None:
        """An event of our own, at its place in the journal."""
        body = json.dumps(event).encode()
        self._append(encode_frame(EVENT, self._sequence or 0, self._clock.now_us(), body))

    def request_keyframe(self, track: int) -> None:
        if self._tap is not None:
            self._tap.request_keyframe(track)

    def watch(self, publication_ids: tuple[str, ...]) -> None:
        """Pictures that the program needs; what else the room sends may rest."""
        self._watched = publication_ids
        if self._tap is not None:
            self._tap.watch(publication_ids)

    # --- from the tap -------------------------------------------------------------------------------------------------

    def _after(self) -> int | None:
        return self._sequence

    def _connection_changed(self, connected: bool) -> None:
        if connected == self.connected:
            return  # an attempt that failed
        self.connected = connected
        if connected:
            self._clock.connected()
            asyncio.get_running_loop().call_later(_RING_DELIVERED_S, self._clock.settled)
        else:
            self._clock.lost()

    async def _take(self, whole: bytes, frames: list[TapFrame]) -> None:
        if self._known_us:
            frames = [frame for frame in frames if frame.type == EVENT or frame.arrival_us > self._known_us]
            whole = b"".join([encode_frame(*frame) for frame in frames])
        for frame in frames:
            self._look_at(frame)
        self._append(whole)
        if self._overfull:
            await self._idle.wait()

    def _look_at(self, frame: TapFrame) -> None:
        if not self._began:
            self._began = True
            self._events.began(frame.arrival_us)
        self._clock.observe(frame.arrival_us)
        if frame.type in (RTP, SR):
            self._declare_missing(frame.arrival_us)
            self._sequence = frame.sequence
            self._arrival_us = max(self._arrival_us, frame.arrival_us)
        else:
            self._look_at_event(json.loads(frame.body), frame.arrival_us)

    def _look_at_event(self, event: dict[str, Any], arrival_us: int) -> None:
        if event.get("event") == "room":
            self._pictures = [int(track["number"]) for track in event["tracks"] if track["kind"] == "video"]
        if self._tells_of_loss(event):
            self._missing = (self._arrival_us, arrival_us)
            # The program will want one as soon as it has read this far; every moment until then stays dark.
            for number in self._pictures:
                self.request_keyframe(number)

    def _tells_of_loss(self, event: dict[str, Any]) -> bool:
        """The ring does not reach back to the last frame, or this is a tap of which there is none."""
        name = event.get("event")
        return self._arrival_us > 0 and (name == "resync" or (name == "room" and self._sequence == 0))

    def _declare_missing(self, first_us: int | None = None) -> None:
        if self._missing is None:
            return
        start_us, end_us = self._missing
        self._missing = None
        end_us = min(end_us, first_us) if first_us else end_us
        if end_us > start_us:
            self._events.gap_found(start_us, end_us, self._reason)
        self._reason = "loss"

    # --- into the journal ---------------------------------------------------------------------------------------------

    @property
    def _overfull(self) -> bool:
        """Nothing is read until the journal has taken what is here."""
        return len(self._pending) > _MAX_PENDING_BYTES

    def _append(self, frames: bytes) -> None:
        self._pending += frames
        self._idle.clear()
        self._wake.set()

    async def _flush_forever(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(BATCH_S if self._tap is not None else 0)
            self._wake.clear()
            batch = bytes(self._pending)
            try:
                if batch:
                    await asyncio.to_thread(self._journal.append, batch)
            except OSError as error:
                if not self._clock.blocked:
                    _log.warning("room %s: journal: %s", self._room_id, error)
                    self._clock.blocked = True
                    self._events.failed(RecordingErrorCode.SPOOL_FULL)
                self._wake.set()
                await asyncio.sleep(_RETRY_S)
                continue
            del self._pending[: len(batch)]
            if self._clock.blocked and not self._pending:
                self._clock.blocked = False
                self._clock.lost()  # what the tap could not deliver meanwhile is on its way
                self._events.failed(None)
            if not self._pending:
                self._idle.set()
            self._events.journalled()
