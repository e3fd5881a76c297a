"""Puts one viewer's budget into effect: which layer each of its slots may have, and which slots must pause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from media.bwe.allocation import Picture, nominal_bps, total_bps
from media.bwe.budget import Budget
from media.bwe.ladder import Ladder, Wish
from media.bwe.loss_cap import LossCap
from media.cohort import RED
from media.control import QualityLevel
from media.layer_choice import heights_of
from media.slot import NO_LIMIT, Slot

if TYPE_CHECKING:
    from media.publication import Publication

REDUNDANT_UP_TO, REDUNDANT_AGAIN = 0.5, 0.35  # of the budget
PACKET_OVERHEAD_BITS = 28 * 8  # IP and UDP: little beside a picture, much beside a voice


class Allocator:
    """Owned by a downlink, which owns the slots."""

    def __init__(self, slots: Sequence[Slot], budget: Budget) -> None:
        self.ladder = Ladder()
        self.level = QualityLevel.FULL
        self.needed_bps = 0  # by the pictures that are sent
        self.wanted_bps = 0  # by those that would be sent without limits
        self.sound_bps = 0  # goes first, and carries no numbers: what feedback finds is what there is beside it
        self._is_lean = False
        self._loss_cap = LossCap()
        self._slots = slots
        self._budget = budget

    def allocate(self, now: float) -> list[Slot]:
        """Lets every slot follow the budget; those whose pause has changed."""
        shown = sorted(
            (slot for slot in self._slots if slot.kind == "video" and slot.publication is not None and slot.is_open),
            key=lambda slot: slot.rank,
        )
        flowing = [(slot, slot.publication) for slot in shown if slot.publication and slot.publication.is_flowing]
        budget = self._budget
        highest = self._loss_cap.update(budget.lasting_loss(now), now)
        wishes = [Wish(publication.id, _picture(slot, publication, highest)) for slot, publication in flowing]
        budget.protect(wishes[0].picture.cost(0) if wishes else 0)
        self.sound_bps, whole_bps = _sound_bps(self._slots)
        left = budget.limit_bps
        self._thin_out(left, whole_bps)
        if left is not None and not budget.has_feedback:
            left -= self.sound_bps
        chosen = self.ladder.update(
            wishes, left, now, is_known=budget.is_known(now), is_strained=budget.is_strained(now)
        )
        self.level = self.ladder.level(left)
        pictures = [wish.picture for wish in wishes]
        self.needed_bps = total_bps(pictures, chosen)
        allowed = self.ladder.allowed(pictures)
        self.wanted_bps = sum(picture.cost(picture.ideal) for picture in allowed)
        choices: dict[Slot, int | None] = {slot: layer for (slot, _), layer in zip(flowing, chosen, strict=True)}
        changed = [slot for slot in shown if self._apply(slot, choices, now)]
        self._quiet(now)
        return changed

    def _apply(self, slot: Slot, choices: dict[Slot, int | None], now: float) -> bool:
        """What does not flow yet begins with its smallest layer."""
        first = None if self.ladder.is_without_video else self._first_limit()
        layer = choices.get(slot, first)
        is_paused = layer is None
        limit = slot.limit if layer is None else layer
        if (is_paused, limit) == (slot.is_paused, slot.limit):
            return False
        has_changed = is_paused is not slot.is_paused
        slot.is_paused, slot.limit = is_paused, limit
        slot.reconsider(now)
        return has_changed

    def _thin_out(self, left: float | None, whole_bps: int) -> None:
        """Redundant sound takes twice as much; where that would be most of what there is, pictures come before it."""
        total_bps = (left or 0) + (self.sound_bps if self._budget.has_feedback else 0)
        share = REDUNDANT_AGAIN if self._is_lean else REDUNDANT_UP_TO
        self._is_lean = left is not None and whole_bps > total_bps * share
        for slot in self._slots:
            if slot.kind == "audio":
                slot.set_lean(self._is_lean)

    def _first_limit(self) -> int:
        return 0 if self._budget.limit_bps is not None else NO_LIMIT

    def _quiet(self, now: float) -> None:
        """On the last rung sound goes, too."""
        is_paused = self.ladder.cap is QualityLevel.TEXT
        for slot in self._slots:
            if slot.kind == "audio" and slot.is_paused is not is_paused:
                slot.is_paused = is_paused
                slot.reconsider(now)


def _picture(slot: Slot, publication: Publication, highest: int) -> Picture:
    layers = publication.layers
    costs = [layer.usual_bps for layer in layers]
    if not all(costs):
        heights = heights_of([layer.height for layer in layers])
        costs = [cost or nominal_bps(height) for cost, height in zip(costs, heights, strict=True)]
    return Picture(tuple(costs), min(slot.ideal(layers), highest, publication.highest) if len(layers) > 1 else 0)


def _sound_bps(slots: Iterable[Slot]) -> tuple[int, int]:
    """Reserved before all pictures: what is sent, and with redundancy also where it is taken out."""
    sent = whole = 0.0
    for slot in slots:
        layer, cohort = slot.layer, slot.cohort
        if slot.kind != "audio" or layer is None or cohort is None:
            continue
        media_bps, overhead_bps = layer.usual_bps, layer.frames_per_s * PACKET_OVERHEAD_BITS
        is_halved = cohort.red_type is not None and cohort.key.codec != RED
        sent += (media_bps / 2 if is_halved else media_bps) + overhead_bps
        whole += media_bps + overhead_bps
    return int(sent), int(whole)
