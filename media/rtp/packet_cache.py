"""The recent packets of one source, shared by all who ask for a resend."""

from __future__ import annotations

CAPACITY = 1024  # about 6 s of a 1.5 Mbit/s camera; a power of two


class PacketCache:
    """A ring indexed by sequence number; a newer packet takes the place of the one 1024 before it."""

    __slots__ = ("_newest", "_packets")

    def __init__(self) -> None:
        self._packets: list[bytes | None] = [None] * CAPACITY
        self._newest = -1

    def put(self, sequence: int, packet: bytes) -> None:
        """What is skipped leaves its place empty: an old packet there would be taken for one a whole turn later."""
        ahead = (sequence - self._newest) & 0xFFFF if self._newest >= 0 else 1
        if ahead < 0x8000:
            for skipped in range(1, min(ahead, CAPACITY)):
                self._packets[(sequence - skipped) & (CAPACITY - 1)] = None
            self._newest = sequence
        self._packets[sequence & (CAPACITY - 1)] = packet

    def get(self, sequence: int) -> bytes | None:
        """The packet with exactly this sequence number, if it is still held."""
        packet = self._packets[sequence & (CAPACITY - 1)]
        if packet is None or (packet[2] << 8 | packet[3]) != sequence & 0xFFFF:
            return None
        return packet
