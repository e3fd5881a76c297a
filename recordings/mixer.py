"""Mixes voices, sample by sample. Pure, 16-bit mono at 48 kHz; positions count samples from the recording's origin."""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from operator import add

RATE = 48_000
BLOCK = 1024  # one AAC frame
PEAK = 32_767
_JOIN_SAMPLES = RATE * 40 // 1000
_GAP_JOIN_SAMPLES = RATE * 10 // 1000


class Voice:
    """Sound of one track that waits to be mixed, without holes (they are filled with zeros).

    Pieces are joined seamlessly while their stamp is near the end of the last one: stamps jitter by a millisecond
    with every sender report, and a jump would be heard as a click.
    """

    def __init__(self) -> None:
        self._samples = array("h")
        self._start = 0

    @property
    def end(self) -> int:
        return self._start + len(self._samples)

    def write(self, position: int, samples: array[int], after_gap: bool = False) -> None:
        """Puts ``samples`` at about ``position``. What lies before the mixed part is cut off."""
        near = _GAP_JOIN_SAMPLES if after_gap else _JOIN_SAMPLES
        if self._samples or self._start:
            distance = position - self.end
            if abs(distance) <= near:
                position = self.end
            elif distance < 0:
                samples = samples[-distance:]
                position = self.end
        else:
            self._start = position
        if not samples:
            return
        self._samples.extend(array("h", bytes(2 * (position - self.end))))
        self._samples.extend(samples)

    def read(self, start: int, end: int) -> array[int] | None:
        """Takes the samples from ``start`` to ``end`` out, None when there are none."""
        if self.end <= start or self._start >= end or not self._samples:
            self._drop(start)
            return None
        lead = max(self._start - start, 0)
        first = max(start - self._start, 0)
        piece = array("h", bytes(2 * lead))
        piece.extend(self._samples[first : end - self._start])
        piece.extend(array("h", bytes(2 * (end - start - len(piece)))))
        self._drop(end)
        return piece

    def _drop(self, before: int) -> None:
        """Forgets what is mixed. The write position stays, so that late pieces are not heard twice."""
        count = before - self._start
        if count > 0:
            del self._samples[:count]
            self._start = before


class Mixer:
    """All voices of a recording, mixed in blocks of one AAC frame."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._voices: dict[Hashable, Voice] = {}
        self._retired: set[Hashable] = set()

    def voice(self, name: Hashable) -> Voice:
        self._retired.discard(name)
        return self._voices.setdefault(name, Voice())

    def retire(self, name: Hashable) -> None:
        """What this voice has said is still heard, then it is forgotten."""
        self._retired.add(name)

    def mix(self, until: int) -> list[array[int]]:
        """All whole blocks that end at or before ``until``; silence where nobody speaks."""
        blocks: list[array[int]] = []
        while self.position + BLOCK <= until:
            end = self.position + BLOCK
            pieces = [piece for voice in self._voices.values() if (piece := voice.read(self.position, end)) is not None]
            blocks.append(mix_block(pieces))
            self.position = end
        for name in [
            each for each in self._retired if each in self._voices and self._voices[each].end <= self.position
        ]:
            del self._voices[name]
        self._retired &= self._voices.keys()
        return blocks


def mix_block(pieces: list[array[int]]) -> array[int]:
    """The sum of equally long pieces, made quieter as a whole where it would clip."""
    if not pieces:
        return array("h", bytes(2 * BLOCK))
    if len(pieces) == 1:
        return pieces[0]
    total = array("i", pieces[0])
    for piece in pieces[1:]:
        total = array("i", map(add, total, piece))
    peak = max(max(total), -min(total))
    if peak > PEAK:
        return array("h", [sample * PEAK // peak for sample in total])
    return array("h", total)
