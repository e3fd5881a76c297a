"""Is a participant still there? From signaling and media liveness together. Pure; times are monotonic milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from media.control import TransportState
from server.protocol.models import Presence

# Promised are 6 s until others see somebody unstable and 15 s until a seat is given up. Both are looked at once a
# second, here and in the media worker, and told over the network.
LEASE_MS = 13_500  # without any proof of life a seat is given up after this
RECOVERY_GRACE_MS = 30_000  # after a restart of the server, clients have this long to come back
MEDIA_UNSTABLE_AFTER_MS, MEDIA_AWAY_AFTER_MS = 4_900, 15_000  # media.control.TransportState
_SILENT_MS = {TransportState.UNSTABLE: MEDIA_UNSTABLE_AFTER_MS, TransportState.AWAY: MEDIA_AWAY_AFTER_MS}
_ALIVE = (TransportState.CONNECTED,)
_SILENT = (TransportState.UNSTABLE, TransportState.AWAY)


@dataclass(slots=True)
class Liveness:
    """``proof_ms``: the last moment at which something proved that the client lived."""

    proof_ms: int
    connected: bool = False
    silent: bool = False  # connected, but nobody answers
    media: TransportState = TransportState.NEW
    grace_until_ms: int = 0

    def handle_connected(self, now_ms: int) -> None:
        self.connected, self.silent = True, False
        self.proof_ms = now_ms

    def handle_silence(self, silent_ms: int, now_ms: int) -> None:
        """Every second: how long nobody has answered on the socket, 0 while nothing speaks against it."""
        self.silent = self.connected and silent_ms > 0
        if self.silent:
            self.proof_ms = max(self.proof_ms, now_ms - silent_ms)

    def handle_disconnected(self, seen_ms: int) -> None:
        """``seen_ms``: when the socket last proved that somebody was there."""
        self.connected = False
        self.proof_ms = max(self.proof_ms, seen_ms)

    def handle_media(self, state: TransportState, now_ms: int) -> None:
        if state in _ALIVE:
            self.proof_ms = max(self.proof_ms, now_ms)
        elif self.media in _ALIVE:
            self.proof_ms = max(self.proof_ms, now_ms - _SILENT_MS.get(state, 0))
        self.media = state

    def last_proof_ms(self, now_ms: int) -> int:
        return now_ms if self._answers or self.media in _ALIVE else self.proof_ms

    @property
    def _answers(self) -> bool:
        return self.connected and not self.silent

    def presence(self, *, without_socket: bool = False) -> Presence:
        """Without its socket, or with socket or media gone silent, a seat is unstable; ``away`` is for seats given up.
        ``without_socket``: it never has one."""
        # On a lossy network a socket stalls for seconds while media flow: that alone is not said.
        held = without_socket or self._answers or (self.connected and self.media in _ALIVE)
        return Presence.PRESENT if held and self.media not in _SILENT else Presence.UNSTABLE

    def is_lost(self, now_ms: int) -> bool:
        return now_ms >= self.grace_until_ms and now_ms - self.last_proof_ms(now_ms) >= LEASE_MS
