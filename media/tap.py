"""The wire format of the tap: plain RTP and room events from a media worker to a recorder.

A byte stream (unix or TCP socket). The recorder connects and sends one ``TapHello`` as a JSON line; later JSON lines
are ``TapRequest``. The worker answers with frames. It keeps the frames of the last 15 s (a ring) and, when ``after`` is
given and still in the ring, begins with the frame after it, so that a killed and restarted recorder loses nothing that
the ring holds.

Frame: ``!IBQQ`` = length of what follows the length field, type, index, arrival (UTC µs), then the body:

====  =========================================================================
type  body
====  =========================================================================
1     ``!H`` track number, then one RTP packet as received (decrypted, unmodified)
2     ``!HQI`` track number, NTP time (64 bit) and RTP time of an RTCP sender report (RFC 3550 §6.4.1)
3     a JSON object: a room event with the key ``event``
====  =========================================================================

Room events: ``room`` {room_id, tracks: [track…]} is always the first frame after connecting; ``track_added`` {track};
``track_removed`` {number}; ``speakers`` {participant_ids}; ``resync`` {} when ``after`` had left the ring.
A track is ``{number, publication_id, participant_id, source, kind, codec, clock_rate, payload_type}``. Of a publication
in several layers (simulcast) the recorder gets one at a time, the highest that comes: another layer begins with its
keyframe as a new track, behind ``track_removed`` of the former, and with the newest sender report.
"""

from __future__ import annotations

import struct
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from media.listening import RoomHello

HEADER = struct.Struct("!IBQQ")
TRACK = struct.Struct("!H")
SENDER_REPORT = struct.Struct("!HQI")
RTP, SR, EVENT = 1, 2, 3
MAX_FRAME = 65536
MAX_WATCHED = 32


class TapHello(RoomHello):
    """First JSON line of a recorder. ``after``: index of the last frame it has, None for "from now on"."""

    model_config = ConfigDict(extra="forbid")
    after: int | None = None


class TapRequest(BaseModel):
    """A later JSON line of the recorder.

    ``keyframe``: ask the publisher of ``track`` for one. ``watch``: the videos that the recorder needs, all of them
    each time; they are sent in their highest layer even when no viewer looks. Until a recorder has sent ``watch`` it
    may need every video.
    """

    model_config = ConfigDict(extra="forbid")
    op: Literal["keyframe", "watch"]
    track: int = -1
    publication_ids: tuple[str, ...] = Field(default=(), max_length=MAX_WATCHED)


class TapFrame(NamedTuple):
    type: int
    sequence: int
    arrival_us: int
    body: bytes


def encode_frame(type_: int, index: int, arrival_us: int, body: bytes) -> bytes:
    """One frame as bytes, length field included."""
    return HEADER.pack(HEADER.size - 4 + len(body), type_, index, arrival_us) + body


def decode_frame(buffer: bytes | bytearray | memoryview, offset: int = 0) -> tuple[TapFrame | None, int]:
    """The frame at ``offset`` and the offset behind it, or ``(None, offset)`` while it is incomplete.

    Raises ValueError for an impossible length; the stream is then lost and must be closed.
    """
    if len(buffer) - offset < HEADER.size:
        return None, offset
    length, type_, index, arrival_us = HEADER.unpack_from(buffer, offset)
    if not HEADER.size - 4 <= length <= MAX_FRAME:
        raise ValueError(f"impossible tap frame length {length}")
    end = offset + 4 + length
    if len(buffer) < end:
        return None, offset
    return TapFrame(type_, index, arrival_us, bytes(buffer[offset + HEADER.size : end])), end


TrackInfo = dict[str, Any]
