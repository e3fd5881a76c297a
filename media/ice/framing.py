"""Datagrams on a TCP connection: two bytes of length before each (RFC 4571 §2). Knows nothing of what is in them."""

from __future__ import annotations

MAX_FRAME = 1500


def frame(datagram: bytes | memoryview) -> bytes:
    """The datagram with its length before it."""
    return len(datagram).to_bytes(2, "big") + datagram


class Deframer:
    """Cuts a byte stream into datagrams; holds at most one unfinished."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """What is complete by now. Raises ValueError for a length that no datagram has: the stream is lost then."""
        stream = self._rest + data if self._rest else data
        frames: list[bytes] = []
        at, size = 0, len(stream)
        while at + 2 <= size:
            length = stream[at] << 8 | stream[at + 1]
            if length > MAX_FRAME:
                raise ValueError(f"a frame of {length} bytes")
            end = at + 2 + length
            if end > size:
                break
            frames.append(stream[at + 2 : end])
            at = end
        self._rest = stream[at:]
        return frames
