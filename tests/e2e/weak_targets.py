"""What each weak network must leave of a lesson, in the full form (three minutes) and in the short one of CI. Pure.

The short form counts from some seconds after the change, and freezes by their number: on a machine that runs other
tests beside, some seconds lose frames and sound that no network took. What it is for it still tells apart: without
repairs the same seconds have seven to thirty freezes, and six to eight percent of the sound is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Target:
    sound_percent: float = 0.0
    freeze_percent: float = NEVER
    freezes: float = NEVER
    longest_gap_ms: float = NEVER
    top_layer_s: float = NEVER
    stepped_down_s: float = NEVER
    stepped_up_s: float = NEVER
    back_s: float = NEVER
    sees_after_s: float = NEVER


FULL = {
    "good": Target(sound_percent=99.9, freeze_percent=0.0, top_layer_s=4),
    "4g": Target(sound_percent=99.9, freeze_percent=0.5),
    "busy-wifi": Target(sound_percent=99, freeze_percent=2),
    "bad": Target(sound_percent=95, longest_gap_ms=3000),
    "edge": Target(sound_percent=98, stepped_down_s=5, stepped_up_s=15),
    "tunnel": Target(back_s=2),
    "switch": Target(back_s=3),
    "udp-blocked": Target(sees_after_s=6),
}
SHORT = {
    "good": Target(sound_percent=97, freezes=3, longest_gap_ms=1500, top_layer_s=8),
    "4g": Target(sound_percent=98, freezes=3, longest_gap_ms=3000),
    "busy-wifi": Target(sound_percent=98, freezes=3, longest_gap_ms=3000),
    "bad": FULL["bad"],
    "edge": Target(sound_percent=95, stepped_down_s=6, stepped_up_s=16),
    "tunnel": Target(back_s=4),
    "switch": Target(back_s=5),
    "udp-blocked": Target(sees_after_s=8),
}
_AT_LEAST = ("sound_percent",)
# For each runnable program per core beyond one: what a busy machine takes away, and no network. Times grow with the
# number of programs that share a core: pages, worker and network each get that part of it. The promises' times are
# those of the full form, which runs alone.
_PER_LOAD = {"sound_percent": -0.4, "freezes": 2.0, "longest_gap_ms": 300.0}
_SAMPLING_MS = 400  # both ends of a gap are seen up to a sample late


def on_busy_machine(target: Target, load_per_core: float) -> Target:
    """The short form's target where so many programs want each core."""
    busy = max(0.0, load_per_core - 1)
    values = {name: getattr(target, name) for name in Target.__slots__}
    for name in values:
        values[name] = (
            values[name] * (1 + busy) if name.endswith("_s") else values[name] + busy * _PER_LOAD.get(name, 0)
        )
    values["longest_gap_ms"] += _SAMPLING_MS
    return Target(**values)


def misses(target: Target, figures: dict[str, Any]) -> list[str]:
    """What was not reached, in words; both ways of a profile must reach it."""
    parts: dict[str, dict[str, Any]] = {"": figures}
    parts |= {way: figures[way] for way in ("down", "up") if way in figures}
    found = []
    for name in Target.__slots__:
        wanted = getattr(target, name)
        for way, part in parts.items():
            seen = part.get(name)
            if seen is None:
                continue
            if (seen < wanted) if name in _AT_LEAST else (seen > wanted):
                found.append(f"{way} {name} is {seen}, wanted {wanted}".strip())
    return found
