"""Writes the HLS playlist of a recording (RFC 8216, EVENT type, version 7 for fMP4). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil
from typing import NamedTuple

CONTENT_TYPE = "application/vnd.apple.mpegurl"
MIN_TARGET_S = 6
LIVE_TARGET_S = 4  # without an audience a keyframe is asked for every 4 s, and one comes within half a second
LIVE_OFFSET_S = 4.0  # two segments of 2 s: the next one is there as soon as the player asks for it
_EVENT = "#EXT-X-PLAYLIST-TYPE:EVENT"
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:\d+$", re.MULTILINE)


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


def live_playlist(text: str) -> str:
    """The same playlist for who wants to be near the present: begins some seconds before the end, and asks players to
    look again as often as segments come. ``EXT-X-START`` goes with the end: what is over begins at its beginning.
    """
    lengths = (float(line[8:].rstrip(",")) for line in text.splitlines() if line.startswith("#EXTINF:"))
    # RFC 8216 §4.3.3.1 rounds to the nearest integer; hls.js and Apple's players wait for multiples of this.
    target_s = max(LIVE_TARGET_S, round(max(lengths, default=0)))
    text = _TARGET.sub(f"#EXT-X-TARGETDURATION:{target_s}", text, count=1)
    if "#EXT-X-ENDLIST" in text:
        return text
    return text.replace(_EVENT, f"{_EVENT}\n#EXT-X-START:TIME-OFFSET=-{LIVE_OFFSET_S:.1f}", 1)


def _stamp(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
