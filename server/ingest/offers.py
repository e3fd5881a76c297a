"""What WHIP and WHEP allow an offer to be, beyond what the media worker checks. Pure; looks at lines, not at codecs."""

from __future__ import annotations

from typing import Literal

Kind = Literal["whip", "whep"]
_DIRECTIONS = ("sendonly", "recvonly", "sendrecv", "inactive")
_WRONG = {"whip": ("recvonly", "inactive"), "whep": ("sendonly", "sendrecv", "inactive")}
_MAX_OF_A_KIND = {"whip": 1, "whep": 3}  # RFC 9725 §4.4.2: one picture and one sound; who listens may have more voices


def unacceptable(sdp: str, kind: Kind) -> str | None:
    """Why an offer is no offer of this kind, None when it is one."""
    kinds: dict[str, int] = {}
    direction = "sendrecv"
    for line in (*sdp.splitlines(), "m=end"):
        if line.startswith("m="):
            if kinds and direction in _WRONG[kind]:
                return f"an m-line is {direction}"
            media = line[2:].split(" ")[0]
            direction = "sendrecv"
            kinds[media] = kinds.get(media, 0) + 1
        elif line.startswith("a=") and line[2:].strip() in _DIRECTIONS and kinds:
            direction = line[2:].strip()
    kinds.pop("end")
    if not kinds:
        return None  # no m-line at all: the media worker says that it is no offer
    strange = sorted(set(kinds) - {"audio", "video"})
    if strange:
        return f"an m-line of kind {strange[0][:20]}"
    many = [media for media, count in kinds.items() if count > _MAX_OF_A_KIND[kind]]
    return f"too many m-lines of kind {many[0]}" if many else None


def is_whole(answer: str) -> bool:
    """RFC 9725 §4.4.3: no partly successful sessions. A rejected m-line has the port 0 (RFC 3264 §6)."""
    ports = [line.split(" ")[1] for line in answer.splitlines() if line.startswith("m=")]
    return bool(ports) and "0" not in ports
