"""Which packets of a source are missing and when to ask for them again. Time comes in as an argument."""

from __future__ import annotations

from media.rtp.sequence import distance, newer

REORDER_S = 0.005  # a packet that was only overtaken comes within this
REPEAT_S = 0.03  # each request goes out twice, as it may be lost itself, to senders that answer one in a round trip
RETRY_S = 0.1  # between two requests for the same packet, where repairs come as fast
MAX_RETRY_S = 1.0
ASSUMED_REPAIR_S = 0.16  # until one is seen: a path that has just begun to lose has often become longer
RETRY_REPAIRS = 1.25  # of the time that repairs take: who asks sooner asks for what is already on its way
REPAIR_WEIGHT = 0.25  # of the newest repair in the mean
MAX_TRIES = 8
MAX_WAIT_S = 2.5  # the picture has gone on without it by then, or stands still and needs a keyframe
# A hole that is open for so long, and for longer than several repairs take, has stopped the picture: a keyframe is
# asked for besides. Where repairs are slow because of a queue, its size would make that longer.
STOPPED_S, STOPPED_REPAIRS = 1.2, 3
MAX_MISSING = 128  # beyond this a keyframe is cheaper than the packets
MAX_AGE = 512  # sequence numbers
ASKED_SHARE = 0.25  # of what comes: more resends would fill the link that has just lost them
MAX_ASKED = 16  # at once
SLOW_AGAIN = 0.998  # for each time nothing was asked because repairs take too long: seconds later one is tried again


class NackList:
    """The holes in one source's sequence.

    ``useful_s``: what takes longer to be repaired is not asked for. ``repeats``: the sender knows a repeated request.
    """

    __slots__ = ("_left", "_missing", "_per_try", "_repair_s", "_told_up_to", "_useful_s", "highest", "needs_keyframe")

    def __init__(self, useful_s: float = MAX_WAIT_S, *, repeats: bool = False) -> None:
        self.highest = -1
        self.needs_keyframe = False
        self._useful_s = useful_s
        self._per_try = 2 if repeats else 1  # requests
        self._left: float = MAX_ASKED
        self._told_up_to = -1  # a keyframe was asked for in the stead of what lies before this
        self._repair_s = ASSUMED_REPAIR_S  # from the first request to the packet, smoothed
        # sequence → (requests, repetitions counted; time of the next one, and of the first)
        self._missing: dict[int, tuple[int, float, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._missing)

    def receive(self, sequence: int, now: float) -> bool:
        """Notes a packet. True when it closed a hole."""
        self._left = min(MAX_ASKED, self._left + ASKED_SHARE)
        if self.highest < 0:
            self.highest = sequence
            return False
        if not newer(sequence, self.highest):
            hole = self._missing.pop(sequence, None)
            if hole is not None and hole[0]:
                self._repair_s += (now - hole[2] - self._repair_s) * REPAIR_WEIGHT
            return hole is not None
        gap = distance(sequence, self.highest) - 1
        if gap:
            self._open(gap, now)
        self.highest = sequence
        return False

    def forget_before(self, sequence: int) -> None:
        """Nothing needs what lies before a keyframe."""
        for missing in [item for item in self._missing if newer(sequence, item)]:
            del self._missing[missing]

    def due(self, now: float) -> list[int]:
        """The packets to ask for now, oldest first; each comes up again until its tries or its time are used."""
        asked: list[int] = []
        stopped_s = max(STOPPED_S, STOPPED_REPAIRS * self._repair_s)
        left = allowed = self._allowance()
        for sequence, (requests, at, first) in list(self._missing.items()):
            is_late = requests >= self._per_try * MAX_TRIES or now - first > self._useful_s
            is_new_try = requests % self._per_try == 0
            if is_late or distance(self.highest, sequence) > MAX_AGE:
                del self._missing[sequence]
                self.needs_keyframe = True
                continue
            if now - first > stopped_s and not self._is_told(sequence):
                self.needs_keyframe = True
                self._told_up_to = self.highest
            if at <= now and (left or not is_new_try):
                self._missing[sequence] = (requests + 1, self._next_at(requests, at, now), first if requests else now)
                asked.append(sequence)
                left -= is_new_try
        self._left -= allowed - left
        return asked

    def _is_told(self, sequence: int) -> bool:
        return self._told_up_to >= 0 and 0 <= distance(self._told_up_to, sequence) <= MAX_AGE

    def _next_at(self, requests: int, at: float, now: float) -> float:
        """When to ask again after the request that was due ``at`` and is sent now, with ``requests`` before it."""
        retry_s = min(MAX_RETRY_S, max(RETRY_S, self._repair_s * RETRY_REPAIRS))
        if self._per_try == 1:
            return now + retry_s
        return now + REPEAT_S if requests % 2 == 0 else max(at - REPEAT_S + retry_s, now + REPEAT_S)

    def _allowance(self) -> int:
        """How many may be asked for now."""
        if self._repair_s > self._useful_s:
            self._repair_s *= SLOW_AGAIN
            return 0
        return int(self._left)

    def _open(self, gap: int, now: float) -> None:
        if gap + len(self._missing) > MAX_MISSING:
            self._missing.clear()
            self.needs_keyframe = True
            return
        for step in range(1, gap + 1):
            self._missing[(self.highest + step) & 0xFFFF] = (0, now + REORDER_S, now)
