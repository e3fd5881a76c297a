"""Writes the HLS playlist of a recording (RFC 8216, EVENT type, version 7 for fMP4). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil
from typing import NamedTuple

CONTENT_TYPE = "application/vnd.apple.mpegurl"
MIN_TARGET_S = 6


class PlaylistSegment(NamedTuple):
    """``uri`` and ``init_uri`` are relative to the playlist."""

    uri: str
    init_uri: str
    start_ms: int
    duration_s: float


def write_playlist(segments: Sequence[PlaylistSegment], origin_ms: int, ended: bool) -> str:
    """The whole playlist. A change of the init segment is a discontinuity of the decoder, not of the timeline."""
    longest_s = max((segment.duration_s for segment in segments), default=0)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(MIN_TARGET_S, ceil(longest_s))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    init_uri: str | None = None
    for segment in segments:
        if segment.init_uri != init_uri:
            if init_uri is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            lines.append(f'#EXT-X-MAP:URI="{segment.init_uri}"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_stamp(origin_ms + segment.start_ms)}")
            init_uri = segment.init_uri
        lines += (f"#EXTINF:{segment.duration_s:.6f},", segment.uri)
    if ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _stamp(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
