"""What every depacketiser gives: one coded picture of a stream. Pure."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from recordings.reorder import Ordered


class CodedPicture(NamedTuple):
    """``data`` is Annex B for H.264 and the bare frame for VP8."""

    timestamp: int
    arrival_us: int
    keyframe: bool
    data: bytes


class Depacketiser(Protocol):
    """``wants_keyframe`` is True from a loss (and from the start) to the next whole keyframe."""

    wants_keyframe: bool

    def feed(self, item: Ordered) -> list[CodedPicture]: ...
