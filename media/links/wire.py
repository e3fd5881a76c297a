"""What two workers of one room say to each other over a stream socket. The worker that dials is the one that receives.

It sends one ``LinkHello`` as a JSON line, later ``LinkRequest`` lines. It gets frames: ``!IB`` = length of what follows
the length field, type, then the body:

====  =============================================================================================================
type  body
====  =============================================================================================================
1     ``!HB`` track number, 1 for the beginning of a keyframe, then one RTP packet without extensions, decrypted
2     ``!HQI`` track number, NTP time (64 bit) and RTP time of a sender report (RFC 3550 §6.4.1)
3     ``!HB`` track number, audio level (RFC 6464) of the packet before
4     a JSON object: ``LinkEvent``
====  =============================================================================================================

Only what the serving worker itself receives is sent, so a packet crosses once to each worker, however many watch there.
Sound crosses always, of pictures only the layers that were asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from media.control import Kind, Source
from media.listening import RoomHello

HEADER = struct.Struct("!IB")
PACKET = struct.Struct("!HB")
REPORT = struct.Struct("!HQI")
LEVEL = struct.Struct("!HB")
RTP, SR, AUDIO_LEVEL, EVENT = 1, 2, 3, 4
MAX_FRAME = 65536


class LinkModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LinkHello(RoomHello):
    """First line of the worker that dials."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LinkRequest(LinkModel):
    """``layers``: from now on these encodings of the publication are wanted. ``keyframe``: of this one, now."""

    op: Literal["layers", "keyframe"]
    publication_id: str
    rids: tuple[str, ...] = Field(max_length=8)


class LinkedPublication(LinkModel):
    """``rids``: its layers, smallest first. ``sendable``: the codecs that its client has negotiated."""

    publication_id: str
    participant_id: str
    source: Source
    kind: Kind
    rids: tuple[str, ...]
    sendable: tuple[str, ...] = ()


class LinkedTrack(LinkModel):
    """One layer with its present codec; the number names it in frames."""

    number: int
    publication_id: str
    rid: str
    codec: str
    clock_rate: int
    payload_type: int
    red_payload_type: int | None = None  # packets with this one are redundant audio


class LinkEvent(LinkModel):
    """``publication``: it sends (again). ``gone``: it does not any more. ``track``: a layer begins or changes codec."""

    event: Literal["publication", "gone", "track"]
    publication: LinkedPublication | None = None
    publication_id: str = ""
    track: LinkedTrack | None = None


def frame(type_: int, body: bytes) -> bytes:
    """One frame as bytes."""
    return HEADER.pack(1 + len(body), type_) + body


def packet_frame(number: int, packet: bytes, is_keyframe: bool) -> bytes:
    return HEADER.pack(1 + PACKET.size + len(packet), RTP) + PACKET.pack(number, is_keyframe) + packet


def event_frame(event: LinkEvent) -> bytes:
    return frame(EVENT, event.model_dump_json(exclude_defaults=True).encode())


class FrameReader:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Type and body of every complete frame. Raises ValueError for an impossible length: the stream is lost."""
        rest = self._rest
        rest += data
        at = 0
        try:
            while len(rest) - at >= HEADER.size:
                length, type_ = HEADER.unpack_from(rest, at)
                if not 1 <= length <= MAX_FRAME:
                    raise ValueError(f"impossible link frame length {length}")
                end = at + 4 + length
                if len(rest) < end:
                    return
                body = bytes(rest[at + HEADER.size : end])
                at = end
                yield type_, body
        finally:
            del rest[:at]
