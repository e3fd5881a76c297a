"""The last fifteen seconds of one room for a recorder: RTP, sender reports and events; and who gets them live."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from media import tap
from media.clock import Clock

if TYPE_CHECKING:
    from media.track import Track

KEPT_US = 15_000_000  # a recorder that was killed is back well before this, on a busy machine too
MAX_BYTES = 64 << 20  # fifteen seconds of 35 Mbit/s

Listener = Callable[[bytes], None]


class TapRing:
    """Appending costs one tuple while nobody listens."""

    def __init__(self, room_id: str, clock: Clock) -> None:
        self._room_id = room_id
        self._utc_us = clock.utc_us
        self._monotonic = clock.monotonic
        self._frames: deque[tap.TapFrame] = deque()
        self._bytes = 0
        self._sequence = 0
        self._next_number = 1
        self._tracks: dict[int, dict[str, Any]] = {}
        self._removed: dict[int, tuple[int, dict[str, Any]]] = {}  # still in the ring
        self._listeners: dict[Listener, Callable[[], None]] = {}
        self._watched: dict[Listener, frozenset[str] | None] = {}  # None: it may need everything
        self._departed: list[tuple[float, frozenset[str] | None]] = []  # recorders that may be back soon

    # --- from the room

    def add_track(self, track: Track) -> int:
        """Gives a track its number; a publication's former track ends."""
        publication = track.publication
        for number, info in list(self._tracks.items()):
            if info["publication_id"] == publication.id:
                self.remove_track(number)
        number = self._next_number
        self._next_number = number % 0xFFFF + 1
        info = {
            "number": number,
            "publication_id": publication.id,
            "participant_id": publication.participant_id,
            "source": publication.source,
            "kind": publication.kind,
            "codec": track.codec.name,
            "clock_rate": track.codec.clock_rate,
            "payload_type": track.codec.payload_type,
        }
        self._tracks[number] = info
        self.append_event({"event": "track_added", "track": info})
        return number

    def remove_track(self, number: int) -> None:
        info = self._tracks.pop(number, None)
        if info is not None:
            self._removed[number] = (self._utc_us(), info)
            self.append_event({"event": "track_removed", "number": number})

    def append_rtp(self, number: int, packet: bytes) -> None:
        self._append(tap.RTP, tap.TRACK.pack(number) + packet)

    def append_sender_report(self, number: int, ntp: int, rtp_time: int) -> None:
        self._append(tap.SR, tap.SENDER_REPORT.pack(number, ntp, rtp_time))

    def append_event(self, event: dict[str, Any]) -> None:
        self._append(tap.EVENT, json.dumps(event, ensure_ascii=False).encode())

    # --- from the tap server

    def join(self, listener: Listener, closed: Callable[[], None], after: int | None) -> None:
        """Hands the listener the room event, what the ring holds behind ``after``, and from then on every frame."""
        first = self._frames[0].sequence if self._frames else self._sequence + 1
        is_held = after is not None and first - 1 <= after <= self._sequence
        start = self._sequence if after is None else after if is_held else first - 1
        # The room event takes the number before the first frame: a recorder that stops here loses nothing.
        listener(self._event_frame(start, {"event": "room", "room_id": self._room_id, "tracks": self._known()}))
        if after is not None and not is_held:
            listener(self._event_frame(start, {"event": "resync"}))
        for frame in list(self._frames):
            if frame.sequence > start:
                listener(tap.encode_frame(*frame))
        self._listeners[listener] = closed
        self._watched[listener] = None

    def leave(self, listener: Listener) -> None:
        self._listeners.pop(listener, None)
        if listener in self._watched:
            self._departed.append((self._monotonic() + KEPT_US / 1_000_000, self._watched.pop(listener)))

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    def watch(self, listener: Listener, publication_ids: Iterable[str]) -> None:
        """The videos that this recorder needs from now on."""
        if listener in self._listeners:
            self._watched[listener] = frozenset(publication_ids)

    def watched(self, now: float) -> frozenset[str] | None:
        """The videos that recorders need, or one that was killed will find in the ring; None: perhaps any."""
        self._departed = [item for item in self._departed if item[0] > now]
        found: frozenset[str] = frozenset()
        for wanted in (*self._watched.values(), *(item[1] for item in self._departed)):
            if wanted is None:
                return None
            found |= wanted
        return found

    def close(self) -> None:
        """The room is over."""
        listeners, self._listeners = self._listeners, {}
        self._watched.clear()
        for closed in listeners.values():
            closed()

    # --- private

    def _known(self) -> list[dict[str, Any]]:
        """Tracks that a frame of the ring may name."""
        return [info for _, info in self._removed.values()] + list(self._tracks.values())

    def _event_frame(self, sequence: int, event: dict[str, Any]) -> bytes:
        body = json.dumps(event, ensure_ascii=False).encode()
        return tap.encode_frame(tap.EVENT, sequence, self._utc_us(), body)

    def _append(self, type_: int, body: bytes) -> None:
        arrival_us = self._utc_us()
        self._sequence += 1
        frames = self._frames
        frames.append(tap.TapFrame(type_, self._sequence, arrival_us, body))
        self._bytes += len(body)
        limit = arrival_us - KEPT_US
        while frames[0].arrival_us < limit or self._bytes > MAX_BYTES:
            self._bytes -= len(frames.popleft().body)
        if self._listeners:
            encoded = tap.encode_frame(type_, self._sequence, arrival_us, body)
            for listener in list(self._listeners):
                listener(encoded)
        if self._removed:
            self._removed = {key: item for key, item in self._removed.items() if item[0] >= limit}
