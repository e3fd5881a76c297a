"""Members of a cohort that one system call reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media.continuity import Numbering
from media.lanes import Lanes
from media.sendmmsg import MessageTable, SegmentControl

if TYPE_CHECKING:
    from media.slot import Slot

CHUNK = 64
KEPT_CONTEXTS = 12  # packets of a burst up to which its table is kept: a keyframe has any number, and comes seldom


class Chunk:
    """Up to 64 members with their prepared messages; those who are reached by TCP or IPv6 have chunks of their own."""

    __slots__ = ("_base", "_contexts", "_lanes", "_messages", "is_single", "members")

    def __init__(self, control: SegmentControl | None, is_single: bool = False, base: Numbering | None = None) -> None:
        """``base``: of the packets that the chunk is given; None when all its members have just that numbering."""
        self.members: list[Slot] = []
        self.is_single = is_single
        self._base = base
        self._lanes: Lanes | None = None
        self._contexts: dict[int, list[Any]] = {}
        self._messages = MessageTable(CHUNK, control) if control is not None else None

    @property
    def messages(self) -> MessageTable | None:
        return self._messages

    @property
    def is_plain(self) -> bool:
        """Whether its members get the packets as they were written."""
        return self._base is None

    def contexts(self, per_member: int) -> list[Any]:
        """SRTP contexts, each repeated for every packet of the burst."""
        found = self._contexts.get(per_member)
        if found is None:
            found = [slot.transport.tx for slot in self.members for _ in range(per_member)]
            if per_member <= KEPT_CONTEXTS:
                self._contexts[per_member] = found
        return found

    def offsets(self, slot: Slot) -> tuple[int, int]:
        """What this member's sequence numbers and timestamps have beyond those of the packets given."""
        return slot.numbering.beyond(self._base) if self._base is not None else (0, 0)

    def lanes(self) -> Lanes | None:
        """The members' offsets; None in a plain chunk."""
        if self._lanes is None and self._base is not None:
            self._lanes = Lanes([self.offsets(slot) for slot in self.members])
        return self._lanes

    def add(self, slot: Slot) -> None:
        self.members.append(slot)
        self._forget()
        self.readdress(slot)

    def remove(self, slot: Slot) -> None:
        """The last member takes the place of the one that leaves."""
        index = self.members.index(slot)
        last = self.members.pop()
        if last is not slot:
            self.members[index] = last
            self.readdress(last)
        self._forget()

    def readdress(self, slot: Slot) -> None:
        if self._messages is not None and slot.transport.address is not None:
            self._messages.set_address(self.members.index(slot), slot.transport.address)

    def _forget(self) -> None:
        self._contexts.clear()
        self._lanes = None
