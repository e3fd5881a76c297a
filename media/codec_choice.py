"""When a publisher is asked for another codec. Pure: the caller brings the time and says who looks on.

H.264 is the rule, because it is recorded as it comes. A publication turns to VP8 while somebody watches who cannot take
H.264 (Firefox decodes it only with a component that it downloads), and back when nobody has needed VP8 for a while.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

VideoCodec = Literal["H264", "VP8"]

AGAIN_S = 5.0
BACK_AFTER_S = 30.0


class CodecChoice:
    """The state of one publication's choice."""

    __slots__ = ("_asked_at", "_has_asked", "_needed_at", "_present")

    def __init__(self) -> None:
        self._present = ""
        self._has_asked = False  # only what was asked for is taken back: a browser may have its own reason for VP8
        self._asked_at = self._needed_at = float("-inf")

    @property
    def has_asked(self) -> bool:
        """While it is not, only who cannot take the present codec is of interest."""
        return self._has_asked

    def ask(self, now: float, present: str, sendable: Set[str], is_vp8_needed: bool) -> VideoCodec | None:
        """What to ask the publisher for now. Needs are asked for again every 5 s until the codec has changed."""
        if present != self._present:
            self._present = present
            self._has_asked = self._has_asked and present != "H264"  # it was taken back: others may ask for it now
            self._asked_at = float("-inf")
        if is_vp8_needed:
            self._needed_at = now
        wanted = self._wanted(now, is_vp8_needed)
        if wanted is None or wanted == present or wanted not in sendable or now - self._asked_at < AGAIN_S:
            return None
        self._asked_at = now
        self._has_asked = True
        return wanted

    def _wanted(self, now: float, is_vp8_needed: bool) -> VideoCodec | None:
        if is_vp8_needed:
            return "VP8"
        if not self._has_asked or now - self._needed_at < BACK_AFTER_S:
            return None
        return "H264"
