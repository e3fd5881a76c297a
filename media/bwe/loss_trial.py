"""Whether loss that lasts is the path's own or a queue's that overflows: found out by sending less. Pure.

Loss that stays when a third of the load is taken off is the radio's. More than 30 % a third off would not cure, so it
proves nothing.
"""

from __future__ import annotations

HIGH_LOSS = 0.10  # beyond the path's own
MAX_INHERENT_LOSS, TRIAL, UNCURED = 0.3, 0.7, 0.7
MEAN_GAIN, FORGOTTEN = 0.3, 0.05  # of each measurement


class LossTrial:
    """``inherent`` is the share that is known to be the path's own."""

    __slots__ = ("_began", "_mean", "inherent")

    def __init__(self) -> None:
        self.inherent = 0.0
        self._mean = 0.0
        self._began: tuple[float, float] | None = None  # rate and loss with which it began

    def note(self, loss: float) -> None:
        """One measurement of the share that is lost."""
        self.inherent += FORGOTTEN * (min(loss, self.inherent) - self.inherent)
        self._mean += MEAN_GAIN * (loss - self._mean)
        if self._mean <= 0.5 * HIGH_LOSS:
            self._began = None

    def is_complaint(self, sure: float) -> bool:
        """Whether it lasts and is too much. ``sure``: so much is lost at least."""
        is_lasting = self._mean > HIGH_LOSS + self.inherent or sure > MAX_INHERENT_LOSS
        return is_lasting and sure > HIGH_LOSS + self.inherent

    def is_in_vain(self, bps: float) -> bool:
        """Whether sending less has been tried without losing less. Begins a trial where there is none."""
        if self._began is None or self._mean > MAX_INHERENT_LOSS:
            self._began = (bps, self._mean)
            return False
        began_bps, loss = self._began
        return bps <= TRIAL * began_bps and self._mean >= UNCURED * loss

    def accept(self) -> float:
        """It is the path's own. Returns the rate at which the trial began, against which it has shown nothing."""
        began_bps = self._began[0] if self._began is not None else 0.0
        self.inherent, self._began = self._mean, None
        return began_bps

    def end(self) -> None:
        """Something else has changed the rate."""
        self._began = None
