"""Whether a layer of a publication that begins is to be gone over to. Pure but for the layers, time comes in.

A publisher's browser tries on a weak network what it carries, and gives it up again; who had gone over to it would
stand still until a keyframe of a smaller layer has come. So for a while after a layer stopped by itself, while a
sibling went on, a larger one than what flows must have flowed for some seconds first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media.layer import Layer

WEAK_S, PROVEN_S = 30.0, 4.0
NEVER = float("-inf")


class LayerTrials:
    """Those of one publication."""

    __slots__ = ("_weak_at",)

    def __init__(self) -> None:
        self._weak_at = NEVER

    def forget(self) -> None:
        """Another connection or camera: its network will show."""
        self._weak_at = NEVER

    def note_behind(self, layer: Layer, now: float) -> None:
        """Siblings have packets, and this one, which its publisher is to send, has none. Before it is stopped."""
        if layer.is_flowing:
            self._weak_at = now
        elif layer.flows_since > layer.fell_at and layer.last_packet_at >= layer.flows_since:
            self._weak_at = layer.flows_since = now  # a trial that failed; the next one begins anew

    def admits(self, layer: Layer, layers: Sequence[Layer], now: float) -> bool:
        """Whether a packet of a layer that did not flow is enough. ``layers`` are those of its publication."""
        has_only_paused = layer.flows_since <= layer.fell_at
        if now - self._weak_at > WEAK_S or has_only_paused or now - layer.flows_since >= PROVEN_S:
            return True
        if layer not in layers:
            return True
        index = layers.index(layer)
        is_larger = any(lower.is_flowing for lower in layers[:index])
        return not is_larger or any(higher.is_flowing for higher in layers[index + 1 :])
