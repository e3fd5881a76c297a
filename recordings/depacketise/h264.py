"""H.264 over RTP (RFC 6184): single NAL units, STAP-A and FU-A → access units in Annex B. Pure.

After a loss nothing is given until the next whole IDR picture: a picture with broken references must never
reach the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from recordings.depacketise.picture import CodedPicture
from recordings.reorder import Ordered

START_CODE = b"\x00\x00\x00\x01"
IDR, SPS, PPS, STAP_A, FU_A = 5, 7, 8, 24, 28
MAX_PICTURE_BYTES = 8 * 1024 * 1024


class H264Depacketiser:
    """One stream. A picture ends at the marker bit, or where the RTP time changes."""

    def __init__(self) -> None:
        self.wants_keyframe = True
        self.malformed = 0
        self._units: list[bytes] = []
        self._fragment: bytearray | None = None
        self._timestamp: int | None = None
        self._arrival_us = 0
        self._damaged = False
        self._given: int | None = None

    def feed(self, item: Ordered) -> list[CodedPicture]:
        pictures: list[CodedPicture] = []
        packet = item.packet
        if item.lost_before:
            self._lose(packet.payload)
        if self._timestamp is not None and packet.timestamp != self._timestamp:
            pictures += self._finish()
        if item.lost_before:
            self._damaged = not begins_key_picture(packet.payload)
        if not packet.payload:  # padding sent to probe for bandwidth
            return pictures
        if self._timestamp is None:
            self._timestamp, self._arrival_us = packet.timestamp, item.arrival_us
        if not self._damaged:
            self._take(packet.payload)
        if packet.marker:
            pictures += self._finish()
        return pictures

    def _lose(self, payload: bytes) -> None:
        """Packets are missing before this one: what is open is broken, and so are pictures that refer to it."""
        self.wants_keyframe = True
        self._damaged = True
        if begins_key_picture(payload) and self._units:
            self._units.clear()

    def _take(self, payload: bytes) -> None:
        try:
            for unit in self._units_of(payload):
                self._units.append(unit)
        except (IndexError, ValueError):
            self.malformed += 1
            self.wants_keyframe = self._damaged = True

    def _units_of(self, payload: bytes) -> Iterator[bytes]:
        kind = payload[0] & 0x1F
        if 1 <= kind <= 23:
            yield payload
        elif kind == STAP_A:
            yield from split_stap_a(payload)
        elif kind == FU_A:
            unit = self._defragment(payload)
            if unit is not None:
                yield unit
        else:
            raise ValueError(f"NAL unit type {kind} is not of packetization mode 1")

    def _defragment(self, payload: bytes) -> bytes | None:
        header = payload[1]
        if header & 0x80:
            self._fragment = bytearray([(payload[0] & 0xE0) | (header & 0x1F)])
        if self._fragment is None:
            raise ValueError("a fragment without its beginning")
        self._fragment += payload[2:]
        if len(self._fragment) > MAX_PICTURE_BYTES:
            self._fragment = None
            raise ValueError("an endless fragment")
        if not header & 0x40:
            return None
        unit, self._fragment = bytes(self._fragment), None
        return unit

    def _finish(self) -> list[CodedPicture]:
        """Closes the open picture and gives it when it can be decoded."""
        timestamp, units = self._timestamp, self._units
        whole = not self._damaged and self._fragment is None
        self._timestamp, self._units, self._fragment, self._damaged = None, [], None, False
        if timestamp is None or not units:
            return []
        keyframe = whole and any(unit[0] & 0x1F == IDR for unit in units)
        if not whole:
            self.wants_keyframe = True
        elif keyframe:
            self.wants_keyframe = False
        parameters_only = all(unit[0] & 0x1F in (SPS, PPS) for unit in units)
        if not whole or (self.wants_keyframe and not parameters_only):
            return []
        data = b"".join(START_CODE + unit for unit in units)
        return [CodedPicture(timestamp, self._arrival_us, keyframe, data)]


def split_stap_a(payload: bytes) -> Iterator[bytes]:
    """The NAL units of a single-time aggregation packet (RFC 6184 §5.7.1)."""
    position = 1
    while position < len(payload):
        length = int.from_bytes(payload[position : position + 2], "big")
        unit = payload[position + 2 : position + 2 + length]
        if not length or len(unit) != length:
            raise ValueError("a STAP-A is cut off")
        yield unit
        position += 2 + length


def begins_key_picture(payload: bytes) -> bool:
    """Senders put the parameter sets first into the access unit of an IDR picture."""
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == STAP_A:
        return len(payload) > 3 and payload[3] & 0x1F == SPS
    return kind == SPS
