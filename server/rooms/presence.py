"""Is a participant still there? From signaling and media liveness together. Pure; times are monotonic milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from media.control import TransportState
from server.protocol.models import Presence

LEASE_MS = 15_000  # without any proof of life a seat is given up after this
RECOVERY_GRACE_MS = 30_000  # after a restart of the server, clients have this long to come back
MEDIA_UNSTABLE_AFTER_MS = 6_000  # media.control.TransportState
_ALIVE = (TransportState.CONNECTED,)
_SILENT = (TransportState.UNSTABLE, TransportState.AWAY)


@dataclass(slots=True)
class Liveness:
    """``proof_ms``: the last moment at which something proved that the client lived."""

    proof_ms: int
    connected: bool = False
    media: TransportState = TransportState.NEW
    grace_until_ms: int = 0

    def handle_connected(self, now_ms: int) -> None:
        self.connected = True
        self.proof_ms = now_ms

    def handle_disconnected(self, seen_ms: int) -> None:
        """``seen_ms``: when the socket last proved that somebody was there."""
        self.connected = False
        self.proof_ms = max(self.proof_ms, seen_ms)

    def handle_media(self, state: TransportState, now_ms: int) -> None:
        if state in _ALIVE:
            self.proof_ms = max(self.proof_ms, now_ms)
        elif self.media in _ALIVE:
            silent_ms = {TransportState.UNSTABLE: MEDIA_UNSTABLE_AFTER_MS, TransportState.AWAY: LEASE_MS}.get(state, 0)
            self.proof_ms = max(self.proof_ms, now_ms - silent_ms)
        self.media = state

    def last_proof_ms(self, now_ms: int) -> int:
        return now_ms if self.connected or self.media in _ALIVE else self.proof_ms

    def presence(self, *, without_socket: bool = False) -> Presence:
        """Without its socket, or with its media gone silent, a seat is unstable; ``away`` is for seats given up.
        ``without_socket``: it never has one."""
        held = self.connected or without_socket
        return Presence.PRESENT if held and self.media not in _SILENT else Presence.UNSTABLE

    def is_lost(self, now_ms: int) -> bool:
        return now_ms >= self.grace_until_ms and now_ms - self.last_proof_ms(now_ms) >= LEASE_MS
