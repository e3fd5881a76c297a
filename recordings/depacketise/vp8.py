"""VP8 over RTP (RFC 7741): payload descriptors off, partitions → whole frames. Pure."""

from __future__ import annotations

from recordings.depacketise.picture import CodedPicture
from recordings.reorder import Ordered

MAX_PICTURE_BYTES = 8 * 1024 * 1024


class Vp8Depacketiser:
    """One stream. A frame begins at S=1 of partition 0 and ends at the marker bit."""

    def __init__(self) -> None:
        self.wants_keyframe = True
        self.malformed = 0
        self._parts: list[bytes] | None = None
        self._size = 0
        self._timestamp = 0
        self._arrival_us = 0

    def feed(self, item: Ordered) -> list[CodedPicture]:
        packet = item.packet
        if item.lost_before:
            self._break()
        if not packet.payload:  # padding sent to probe for bandwidth
            return []
        try:
            start, begins = read_descriptor(packet.payload)
        except (IndexError, ValueError):
            self.malformed += 1
            self._break()
            return []
        if self._parts is not None and (begins or packet.timestamp != self._timestamp):
            self._break()  # the last frame never saw its marker
        if begins:
            self._parts, self._size = [], 0
            self._timestamp, self._arrival_us = packet.timestamp, item.arrival_us
        if self._parts is None or self._size > MAX_PICTURE_BYTES:
            self._break()
            return []
        self._parts.append(packet.payload[start:])
        self._size += len(packet.payload) - start
        return self._finish() if packet.marker else []

    def _break(self) -> None:
        self._parts = None
        self.wants_keyframe = True

    def _finish(self) -> list[CodedPicture]:
        data, self._parts = b"".join(self._parts or ()), None
        keyframe = is_keyframe(data)
        if keyframe:
            self.wants_keyframe = False
        if self.wants_keyframe or not data:
            return []
        return [CodedPicture(self._timestamp, self._arrival_us, keyframe, data)]


def read_descriptor(payload: bytes) -> tuple[int, bool]:
    """Length of the payload descriptor (RFC 7741 §4.2) and whether a frame begins behind it."""
    first = payload[0]
    length = 1
    if first & 0x80:
        extension = payload[1]
        length = 2
        if extension & 0x80:
            length += 2 if payload[length] & 0x80 else 1
        if extension & 0x40:
            length += 1
        if extension & 0x30:
            length += 1
    if length >= len(payload):
        raise ValueError("a VP8 payload descriptor without payload")
    return length, bool(first & 0x10) and not first & 0x07


def is_keyframe(data: bytes) -> bool:
    """RFC 6386 §9.1: the lowest bit of the frame tag is 0, and a start code follows the three tag bytes."""
    return len(data) >= 10 and not data[0] & 1 and data[3:6] == b"\x9d\x01\x2a"


def pixels(data: bytes) -> int:
    """Size of a keyframe's picture (RFC 6386 §9.1: 14 bits each, little endian)."""
    width, height = int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    return width * height
