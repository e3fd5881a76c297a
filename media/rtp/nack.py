"""Which packets of a source are missing and when to ask for them again. Time comes in as an argument."""

from __future__ import annotations

from media.rtp.sequence import distance, newer

REORDER_S = 0.005  # a packet that was only overtaken comes within this
RETRY_S = 0.1  # between two requests for the same packet
MAX_TRIES = 8
MAX_MISSING = 128  # beyond this a keyframe is cheaper than the packets
MAX_AGE = 512  # sequence numbers


class NackList:
    """The holes in one source's sequence."""

    __slots__ = ("_missing", "highest", "needs_keyframe")

    def __init__(self) -> None:
        self.highest = -1
        self.needs_keyframe = False
        self._missing: dict[int, tuple[int, float]] = {}  # sequence → (tries so far, time of the next)

    def __bool__(self) -> bool:
        return bool(self._missing)

    def receive(self, sequence: int, now: float) -> bool:
        """Notes a packet. True when it closed a hole."""
        if self.highest < 0:
            self.highest = sequence
            return False
        if not newer(sequence, self.highest):
            return self._missing.pop(sequence, None) is not None
        gap = distance(sequence, self.highest) - 1
        if gap:
            self._open(gap, now)
        self.highest = sequence
        return False

    def due(self, now: float) -> list[int]:
        """The packets to ask for now, oldest first; each comes up again after ``RETRY_S`` until its tries are used."""
        asked: list[int] = []
        for sequence, (tries, at) in list(self._missing.items()):
            if tries >= MAX_TRIES or distance(self.highest, sequence) > MAX_AGE:
                del self._missing[sequence]
                self.needs_keyframe = True
            elif at <= now:
                self._missing[sequence] = (tries + 1, now + RETRY_S)
                asked.append(sequence)
        return asked

    def _open(self, gap: int, now: float) -> None:
        if gap + len(self._missing) > MAX_MISSING:
            self._missing.clear()
            self.needs_keyframe = True
            return
        for step in range(1, gap + 1):
            self._missing[(self.highest + step) & 0xFFFF] = (0, now + REORDER_S)
